package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

const (
	commandTimeout = 60 * time.Second
	workers        = 3
)

// arena is a world with a store, a canary and a registry that serves every attack.
type arena struct {
	t        *testing.T
	world    *podtest.World
	canary   string
	before   string // what the canary was like
	registry *repositories
	host     string
}

func newArena(t *testing.T) *arena {
	t.Helper()
	engine := os.Getenv("POD")
	switch {
	case engine == "" && os.Getenv("CI") == "true":
		t.Fatal("POD does not name the program to test; hack/test e2e sets it")
	case engine == "":
		t.Skip("POD does not name the program to test: use make e2e")
	}
	if m := podtest.Examine(); m.Why("userns") != "" {
		t.Skipf("needs userns: %s", m.Why("userns"))
	}
	world, err := podtest.NewWorld(engine)
	if err != nil {
		t.Fatal(err)
	}
	a := &arena{t: t, world: world, canary: filepath.Join(world.Dir, "canary"), registry: &repositories{}}
	server := httptest.NewServer(a.registry)
	a.host = strings.TrimPrefix(server.URL, "http://")
	t.Cleanup(func() {
		server.Close()
		if err := world.Close(); err != nil {
			t.Error(err)
		}
	})
	a.plant()
	return a
}

// plant makes canaries beside, above and away from the store.
func (a *arena) plant() {
	for _, d := range a.canaries() {
		if err := errors.Join(os.MkdirAll(filepath.Join(d, "dir"), 0o755), os.WriteFile(filepath.Join(d, "file"), []byte("alive"), 0o600),
			os.WriteFile(filepath.Join(d, "dir", "file"), []byte("alive"), 0o600)); err != nil {
			a.t.Fatal(err)
		}
	}
	a.before = a.look()
}

func (a *arena) canaries() []string {
	return []string{a.canary, filepath.Join(a.world.DataDir(), "containers", "canary"), filepath.Join(a.world.Home(), "canary")}
}

// look describes the canaries and what lies beside them, with everything that an attack could change.
func (a *arena) look() string {
	var out strings.Builder
	for _, d := range a.canaries() {
		err := filepath.Walk(d, func(path string, info os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			content := ""
			if info.Mode().IsRegular() {
				b, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				content = string(b)
			}
			fmt.Fprintf(&out, "%s %s %d %s %q\n", path, info.Mode(), info.Size(), info.ModTime(), content)
			return nil
		})
		fmt.Fprintln(&out, err)
	}
	for _, d := range []string{a.world.Dir, "/", filepath.Join(a.world.DataDir(), "containers")} {
		entries, err := os.ReadDir(d)
		for _, e := range entries {
			if e.Name() != "storage" && e.Name() != "cache" {
				fmt.Fprintln(&out, d, e.Name(), err)
			}
		}
	}
	return out.String()
}

func (a *arena) safe() {
	a.t.Helper()
	if now := a.look(); now != a.before {
		a.t.Fatalf("something outside was touched. It was:\n%s\nIt is:\n%s", a.before, now)
	}
}

// outcome is what a command came to.
type outcome struct {
	code           int
	stdout, stderr string
	took           time.Duration
	hangs          bool
}

func (a *arena) pod(env []string, args ...string) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := a.world.Command(ctx, args...)
	cmd.Env = append(cmd.Env, env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	start := time.Now()
	err := cmd.Run()
	o := outcome{stdout: strings.TrimSpace(stdout.String()), stderr: strings.TrimSpace(stderr.String()), took: time.Since(start), hangs: ctx.Err() != nil}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		o.code = exit.ExitCode()
	} else if err != nil {
		o.code, o.stderr = -1, err.Error()
	}
	return o
}

// refusal checks that a command refused in one sentence and gives it.
func (o outcome) refusal() (string, error) {
	said := strings.Split(o.stderr, "\nhint: ")[0]
	switch {
	case o.hangs:
		return "", errors.New("hangs")
	case o.code != 125:
		return said, fmt.Errorf("exit code %d, want 125", o.code)
	case strings.ContainsFunc(o.stderr, func(r rune) bool { return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 }):
		return said, fmt.Errorf("the message acts on the terminal: %q", o.stderr)
	case said == "" || strings.Contains(said, "\n"):
		return said, fmt.Errorf("not one sentence: %q", o.stderr)
	case len(said) > 600:
		return said, fmt.Errorf("%d bytes are too long for a sentence: %q", len(said), said)
	case strings.Contains(said, "panic") || strings.Contains(said, "goroutine"):
		return said, errors.New("a crash")
	}
	return strings.TrimPrefix(said, "Error: "), nil
}

// ways are how an image gets into a store.
func ways() []string { return []string{"registry", "oci", "docker-archive", "oci-archive"} }

// bring has pod take an image in one of the ways, under the name of the case's number.
func (a *arena) bring(way string, n int, img image, env []string) outcome {
	name := "case" + strconv.Itoa(n)
	place := filepath.Join(a.world.Dir, "t", name)
	defer os.RemoveAll(place)
	switch way {
	case "registry":
		a.registry.add(name, img)
		return a.pod(env, "pull", "-q", "--retry", "0", "--tls-verify=false", a.host+"/"+name)
	case "oci":
		if err := writeDir(place, img.layout("localhost/"+name+":latest")); err != nil {
			a.t.Error(err)
		}
		return a.pod(env, "load", "-q", "-i", place)
	case "oci-archive":
		if err := writeTar(place, img.layout("localhost/"+name+":latest")); err != nil {
			a.t.Error(err)
		}
	case "docker-archive":
		if err := writeTar(place, img.dockerArchive("localhost/"+name+":latest")); err != nil {
			a.t.Error(err)
		}
	}
	return a.pod(env, "load", "-q", "-i", place)
}

// result is one line of the golden file.
type result struct{ name, way, text string }

// together makes the results of those of n cases that are chosen, in this order, several at a time. Those of the others are empty.
func together(n, at int, chosen []int, try func(int) result) []result {
	results := make([]result, n)
	var wait sync.WaitGroup
	next := make(chan int)
	for range at {
		wait.Go(func() {
			for i := range next {
				results[i] = try(i)
			}
		})
	}
	for _, i := range chosen {
		next <- i
	}
	close(next)
	wait.Wait()
	return results
}

// sample is how far the cases that are tried lie from each other; POD_HOSTILE=all tries all.
func sample(step int) int {
	if os.Getenv("POD_HOSTILE") == "all" {
		return 1
	}
	return step
}

func TestMaliciousLayers(t *testing.T) {
	a := newArena(t)
	all := attacks(a.canary)
	step := sample(2)
	var chosen []int
	for i := 0; i < len(all); i += step {
		chosen = append(chosen, i)
	}
	results := together(len(all), workers, chosen, func(i int) result { return a.attack(i, all[i]) })
	a.safe()
	fmt.Println("hostile: layers:", count(results))
	a.golden("layers", results)
	a.sane()
}

func (a *arena) attack(n int, at attack) result {
	way := ways()[n%len(ways())]
	var env []string
	if at.limited {
		env = []string{"POD_UNPACK_LIMIT=" + strconv.Itoa(unpackLimit)}
	}
	r := result{at.name, way, "accepted"}
	o := a.bring(way, n, newImage(at.layers...), env)
	if o.code == 0 {
		return r
	}
	said, err := o.refusal()
	if err != nil {
		a.t.Errorf("%s (%s): %v", at.name, way, err)
	}
	r.text = said
	return r
}

// count says how many cases were run, and what they came to.
func count(results []result) string {
	run, refused := 0, 0
	for _, r := range results {
		if r.name == "" || r.text == untold {
			continue
		}
		run++
		if r.text != "accepted" {
			refused++
		}
	}
	return fmt.Sprintf("%d of %d cases run, %d refused, %d accepted and harmless", run, len(results), refused, run-refused)
}

// golden compares the outcomes with those of testdata; POD_HOSTILE_UPDATE=FILE writes them there.
func (a *arena) golden(name string, results []result) {
	var out strings.Builder
	for _, r := range results {
		text := regexp.MustCompile(`^pod: (pull|load|push to|log in to|search|pull artifact|inspect the manifest of) "[^"]*": `).ReplaceAllString(r.text, "")
		text = strings.NewReplacer(a.world.Dir, "WORLD", a.host, "REGISTRY").Replace(text)
		text = regexp.MustCompile(`127\.0\.0\.\d:\d+`).ReplaceAllString(text, "ADDRESS")
		text = regexp.MustCompile(`blob sha256:[0-9a-f]{64}`).ReplaceAllString(text, "blob DIGEST") // whichever of several comes first
		text = regexp.MustCompile(`: current time .* is after .*`).ReplaceAllString(text, "")
		fmt.Fprintf(&out, "%s (%s): %s\n", r.name, r.way, text)
	}
	if dir := os.Getenv("POD_HOSTILE_UPDATE"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(out.String()), 0o644); err != nil {
			a.t.Error(err)
		}
		return
	}
	want, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		a.t.Fatal(err)
	}
	lines, wants := strings.Split(out.String(), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(lines), len(wants)) {
		var got, want string
		if i < len(lines) {
			got = lines[i]
		}
		if i < len(wants) {
			want = wants[i]
		}
		if got != want && i < len(results) && results[i].name != "" {
			a.t.Errorf("line %d of testdata/%s.txt\n got %s\nwant %s", i+1, name, got, want)
		}
	}
}

// sane checks that the store works, and that nothing unfinished or belonging to nobody is in it.
func (a *arena) sane() {
	a.t.Helper()
	if o := a.pod(nil, "images"); o.code != 0 {
		a.t.Errorf("images: %s", o.stderr)
	}
	a.registry.add("good", newImage(packed(archive(file("good", "good")))))
	if o := a.pod(nil, "pull", "-q", "--tls-verify=false", a.host+"/good"); o.code != 0 {
		a.t.Errorf("a good image cannot be pulled: %s", o.stderr)
	}
	root := filepath.Join(a.world.DataDir(), "containers", "storage")
	index, err := os.ReadFile(filepath.Join(root, "overlay-layers", "layers.json"))
	if err != nil {
		a.t.Fatal(err)
	}
	if bytes.Contains(index, []byte("incomplete")) {
		a.t.Error("the index has unfinished layers")
	}
	if left, _ := filepath.Glob(filepath.Join(root, "pod-transfer", "*")); len(left) > 0 {
		a.t.Errorf("temporary files are left: %v", left)
	}
	a.owned(root)
}

// owned checks that every layer belongs to an image.
func (a *arena) owned(root string) {
	a.t.Helper()
	var layers, images []struct{ ID, Parent, Layer string }
	for name, into := range map[string]any{"layers": &layers, "images": &images} {
		text, err := os.ReadFile(filepath.Join(root, "overlay-"+name, name+".json"))
		if err != nil {
			a.t.Fatal(err)
		}
		if err := json.Unmarshal(text, into); err != nil {
			a.t.Fatal(err)
		}
	}
	parent, own := map[string]string{}, map[string]bool{}
	for _, l := range layers {
		parent[l.ID] = l.Parent
	}
	for _, i := range images {
		for id := i.Layer; id != "" && !own[id]; id = parent[id] {
			own[id] = true
		}
	}
	for _, l := range layers {
		if !own[l.ID] {
			a.t.Errorf("layer %s belongs to no image", l.ID)
		}
	}
}
