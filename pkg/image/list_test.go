package image_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

func TestListFilters(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	at := func(day int, labels map[string]string) podtest.ImageSpec {
		spec := text(time.Duration(day).String())
		spec.Created, spec.Config = time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC), v1.Config{Labels: labels}
		return spec
	}
	load(t, s, at(1, map[string]string{"tier": "web"}), "docker.io/library/nginx:1", "localhost/front:1")
	two := load(t, s, at(2, map[string]string{"tier": "db", "old": ""}), "quay.io/team/postgres:16")
	three := load(t, s, at(3, nil), "localhost/gone:1")
	if err := s.Untag(t.Context(), "gone:1", nil); err != nil {
		t.Fatal(err)
	}
	// Each image by its day.
	for _, c := range []struct {
		filters string
		name    string
		want    []int
	}{
		{"", "", []int{3, 2, 1}},
		{"before=postgres:16", "", []int{1}},
		{"since=postgres:16", "", []int{3}},
		{"after=nginx:1", "", []int{3, 2}},
		{"until=2026-01-02T12:00:00", "", []int{2, 1}},
		{"label=tier", "", []int{2, 1}},
		{"label=tier=db", "", []int{2}},
		{"label=tier label=old", "", []int{2}},
		{"label!=tier", "", []int{3}},
		{"dangling=true", "", []int{3}},
		{"dangling=false", "", []int{2, 1}},
		{"reference=nginx", "", []int{1}},
		{"reference=*gre*", "", []int{2}},
		{"reference=quay.io/*/*:16", "", []int{2}},
		{"reference=nginx reference=team/postgres", "", []int{2, 1}},
		{"id=" + two.ID[:10], "", []int{2}},
		{"digest=" + two.Digest[:20], "", []int{2}},
		{"readonly=true", "", nil},
		{"containers=false label=tier=web", "", []int{1}},
		{"", "front", []int{1}},
		{"", "docker.io/library/nginx:1", []int{1}},
		{"", "nginx:2", nil},
		{"", three.ID[:12], []int{3}},
	} {
		t.Run(c.filters+" "+c.name, func(t *testing.T) {
			list, err := s.List(t.Context(), image.ListOptions{Name: c.name, Filters: strings.Fields(c.filters)})
			if err != nil {
				t.Fatal(err)
			}
			var got []int
			for _, l := range list {
				got = append(got, l.Created.Day())
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got the images of the days %v, want %v", got, c.want)
			}
		})
	}
	for filter, want := range map[string]string{
		"dangling":       "KEY=VALUE",
		"dangling=maybe": "neither true nor false",
		"colour=red":     "no such filter",
		"before=nosuch":  "cannot find image",
		"until=tomorrow": "neither a time",
		"reference=[":    "not a pattern",
	} {
		if _, err := s.List(t.Context(), image.ListOptions{Filters: []string{filter}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", filter, err, want)
		}
	}
}

func TestInspect(t *testing.T) {
	s := newPlace(t, "overlay").open(t, image.Options{})
	spec := text("x")
	spec.Config = v1.Config{
		Cmd: []string{"sh"}, Entrypoint: []string{"/init"}, Env: []string{"A=b"}, User: "1000", WorkingDir: "/srv",
		Labels: map[string]string{"k": "v"}, ExposedPorts: map[string]struct{}{"80/tcp": {}}, Volumes: map[string]struct{}{"/data": {}}, StopSignal: "SIGINT",
		Healthcheck: &v1.HealthConfig{Test: []string{"CMD", "true"}, Interval: time.Minute, Retries: 2}, OnBuild: []string{"RUN x"}, Shell: []string{"/bin/ash"},
	}
	img := load(t, s, spec, "localhost/x:1")
	if h := img.Config.Docker.Healthcheck; h == nil || h.Interval != time.Minute || h.Retries != 2 || h.Test[1] != "true" {
		t.Errorf("healthcheck is %+v", h)
	}
	in, err := s.Inspect(img)
	if err != nil {
		t.Fatal(err)
	}
	if in.ID != img.ID || in.Os != "linux" || in.Architecture != "amd64" || in.Config.User != "1000" || in.Config.WorkingDir != "/srv" || in.Config.Shell[0] != "/bin/ash" ||
		in.RepoTags[0] != "localhost/x:1" || in.RepoDigests[0] != "localhost/x@"+img.Digest || len(in.RootFS.Layers) != 2 || in.Size == 0 ||
		in.ManifestType != "application/vnd.docker.distribution.manifest.v2+json" || in.GraphDriver.Name != "overlay" || in.GraphDriver.Data["LowerDir"] == "" {
		t.Errorf("inspect gives %+v", in)
	}
}

// TestDamagedImage: an image whose configuration is gone is listed and can be removed.
func TestDamagedImage(t *testing.T) {
	p := newPlace(t, "overlay")
	s := p.open(t, image.Options{})
	load(t, s, text("good"), "localhost/good:1")
	bad := load(t, s, text("bad"), "localhost/bad:1")
	removeConfig(t, p, bad.ID)
	list, err := s.List(t.Context(), image.ListOptions{})
	if err != nil || len(list) != 2 {
		t.Fatalf("list: %v, %v", list, err)
	}
	for _, l := range list {
		if l.Damaged != (l.ID == bad.ID) {
			t.Errorf("image %v is listed as damaged: %v", l.Image, l.Damaged)
		}
	}
	if _, err := s.Lookup(t.Context(), "bad:1"); err == nil {
		t.Error("the damaged image was found whole")
	}
	if done, err := s.Remove(t.Context(), "bad:1", image.RemoveOptions{}); err != nil || len(done.Deleted) != 1 {
		t.Errorf("remove: %+v, %v", done, err)
	}
}
