package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pod-engine/pod/pkg/image"
)

func TestScanLayers(t *testing.T) {
	config := func(diffs int, steps ...string) (c image.Config) {
		for i := range diffs {
			c.RootFS.DiffIDs = append(c.RootFS.DiffIDs, digest.Digest(fmt.Sprint("sha256:", i+1)))
		}
		for _, s := range steps {
			c.History = append(c.History, specs.History{CreatedBy: s, EmptyLayer: s == "ENV"})
		}
		return c
	}
	for name, c := range map[string]struct {
		dirs   []string
		config image.Config
		want   []string
	}{
		"overlay":         {[]string{"/s/b/diff", "/s/a/diff"}, config(2, "COPY", "ENV", "RUN"), []string{"sha256:1 COPY [/s/a/diff]", "sha256:2 RUN [/s/b/diff]"}},
		"parts":           {[]string{"/s/b/diff", "/s/b/diff1", "/s/a/diff"}, config(2, "COPY", "RUN"), []string{"sha256:1 COPY [/s/a/diff]", "sha256:2 RUN [/s/b/diff /s/b/diff1]"}},
		"history differs": {[]string{"/s/b/diff", "/s/a/diff"}, config(2, "COPY"), []string{"sha256:1  [/s/a/diff]", "sha256:2  [/s/b/diff]"}},
		"vfs":             {[]string{"/s/b"}, config(2, "COPY", "RUN"), []string{"  [/s/b]"}},
		"none":            {nil, config(0, "ENV"), nil},
	} {
		var got []string
		for _, l := range scanLayers(image.Layers{Dirs: c.dirs}, c.config) {
			got = append(got, fmt.Sprint(l.Digest, " ", l.Instruction, " ", l.Dirs))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestScanFlags(t *testing.T) {
	for _, args := range [][]string{
		{"scan"},
		{"scan", "a", "b"},
		{"scan", "--exit-code", "300", "a"},
		{"scan", "--timeout", "-1s", "a"},
		{"scan", "--scanner", "clair", "a"},
		{"scan", "--severity", "bad", "a"},
		{"scan", "--template", "@/nonexistent/file", "a"},
		{"scan", "--format", "template", "a"},
		{"scan", "--skip-dirs"},
		{"scan", "--ignore", "setuid:[", "a"},
		{"scan", "--platform", "x/", "a"},
	} {
		a := &app{name: "pod"}
		root := newRootCommand(a)
		root.SetArgs(args)
		if err := root.ExecuteContext(t.Context()); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
