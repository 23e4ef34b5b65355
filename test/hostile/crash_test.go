package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// layered is an image of n layers, the first of which are shared with every other.
func layered(seed string, shared, own int) image {
	var layers []layer
	for i := range shared {
		layers = append(layers, packed(archive(file(fmt.Sprintf("shared%d", i), strings.Repeat("shared", 5000)))))
	}
	for i := range own {
		layers = append(layers, smallImage(seed + fmt.Sprint(i)).layers[0])
	}
	return newImage(layers...)
}

// counting is a registry of images that counts what is fetched.
type counting struct {
	repositories
	blobs atomic.Int32
}

func (c *counting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.Contains(r.URL.Path, "/blobs/") {
		c.blobs.Add(1)
	}
	c.repositories.ServeHTTP(w, r)
}

// registryOf starts a registry of one image.
func (a *arena) registryOf(img image) (*counting, string) {
	c := &counting{}
	c.add("app", img)
	return c, strings.TrimPrefix(newWitness(a.t, c.ServeHTTP, "127.0.0.1:0").url, "http://") + "/app"
}

func (a *arena) pull(name string, env ...string) outcome {
	return a.pod(env, "pull", "-q", "--tls-verify=false", name)
}

// means checks which image a name means.
func (a *arena) means(name string, img image) error {
	o := a.pod(nil, "image", "inspect", "--format", "{{.Id}}", name)
	if want := digestOf(img.config)[7:]; o.code != 0 || strings.TrimPrefix(o.stdout, "sha256:") != want {
		return fmt.Errorf("%s means %s %s, want %s", name, o.stdout, o.stderr, want)
	}
	return nil
}

// TestPullsKilledAtEveryStep kills a pull of a new version at each of its steps, F02 and F03: the old one stays until the new one is
// whole, three pulls at once then succeed, and what was stored is not fetched again.
func TestPullsKilledAtEveryStep(t *testing.T) {
	a := newArena(t)
	program := os.Getenv("POD_FAILPOINT_BINARY")
	if program == "" {
		t.Skip("POD_FAILPOINT_BINARY does not name a program with failpoints: use make e2e")
	}
	ordinary := a.world.Engine
	for _, point := range []string{"pull.copy", "pull.layer", "pull.layers", "pull.done"} {
		old, young := layered(point+"old", 1, 2), layered(point+"young", 1, 2)
		registry, name := a.registryOf(old)
		if o := a.pull(name); o.code != 0 {
			t.Fatal(o.stderr)
		}
		registry.add("app", young)
		registry.blobs.Store(0)
		a.world.Engine = program
		o := a.pull(name, "POD_FAILPOINT="+point+"=kill")
		a.world.Engine = ordinary
		if o.code == 0 {
			t.Errorf("%s: the pull was not killed", point)
		}
		before := int(registry.blobs.Load())
		want := old
		if point == "pull.done" {
			want = young
		}
		if err := a.means(name, want); err != nil {
			t.Errorf("%s: after the kill %v", point, err)
		}
		a.atOnce(3, func(int) error { return a.pulled(name, young) })
		if again := int(registry.blobs.Load()) - before; point == "pull.layers" && again > 3 {
			t.Errorf("%s: with all layers stored, three pulls fetch %d blobs, want one configuration each", point, again)
		}
	}
	a.sane()
}

func (a *arena) pulled(name string, img image) error {
	if o := a.pull(name); o.code != 0 {
		return errors.New(o.stderr)
	}
	return a.means(name, img)
}

// atOnce does something several times at the same time.
func (a *arena) atOnce(n int, do func(i int) error) {
	a.t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := do(i); err != nil {
				a.t.Error(err)
			}
		})
	}
	all.Wait()
}

// TestPullsKilledAtAnyMoment is the same at random moments.
func TestPullsKilledAtAnyMoment(t *testing.T) {
	a := newArena(t)
	rounds := 6
	if os.Getenv("POD_HOSTILE") == "all" {
		rounds = 100
	}
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	old := layered("old", 2, 2)
	registry, name := a.registryOf(old)
	if err := a.pulled(name, old); err != nil {
		t.Fatal(err)
	}
	for i := range rounds {
		young := layered(fmt.Sprint("young", i), 2, 3)
		registry.add("app", young)
		cmd := a.world.Command(context.Background(), "pull", "-q", "--tls-verify=false", name)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(random.IntN(250))*time.Millisecond, func() { killFamily(cmd) })
		_ = cmd.Wait()
		timer.Stop()
		if a.means(name, young) != nil {
			if err := a.means(name, old); err != nil {
				t.Fatalf("round %d: %v", i, err)
			}
		}
		if err := a.pulled(name, young); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
		old = young
	}
	a.sane()
}

// killFamily kills a command with the programs that it has started.
func killFamily(cmd *exec.Cmd) {
	children, _ := exec.Command("pgrep", "-P", fmt.Sprint(cmd.Process.Pid)).Output()
	_ = cmd.Process.Kill()
	for _, pid := range strings.Fields(string(children)) {
		_ = exec.Command("kill", "-9", pid).Run()
	}
}

// TestPullsAtOnce has images that share layers come at the same time, while others go, and the same one several times.
func TestPullsAtOnce(t *testing.T) {
	a := newArena(t)
	same := layered("same", 3, 3)
	registry, name := a.registryOf(same)
	for i := range 8 {
		registry.add(fmt.Sprint("app", i), layered(fmt.Sprint("own", i), 3, 1))
	}
	a.atOnce(8, func(int) error { return a.pulled(name, same) })
	a.atOnce(8, func(i int) error { return a.pulled(name+fmt.Sprint(i), layered(fmt.Sprint("own", i), 3, 1)) })
	if n := a.layers(); n != 3+3+8 {
		t.Errorf("%d layers are stored, want one copy of each: %d", n, 3+3+8)
	}
	// Whatever others remove, a pull succeeds; what they remove is gone or whole.
	a.atOnce(4, func(i int) error {
		own := name + fmt.Sprint(i)
		for range 4 {
			if i%2 == 0 {
				if o := a.pod(nil, "rmi", "-f", own); o.code > 1 && o.code != 125 {
					return errors.New(o.stderr)
				}
			} else if o := a.pod(nil, "image", "prune", "-a", "-f"); o.code != 0 {
				return errors.New(o.stderr)
			}
			if o := a.pull(own); o.code != 0 {
				return errors.New(o.stderr)
			}
		}
		return nil
	})
	a.sane()
}

// layers counts the layers of the store.
func (a *arena) layers() int {
	text, err := os.ReadFile(filepath.Join(a.world.DataDir(), "containers", "storage", "overlay-layers", "layers.json"))
	if err != nil {
		a.t.Fatal(err)
	}
	return bytes.Count(text, []byte(`"id":`))
}

// TestDamagedIndex damages the store's index: the error names the file and what mends it, and that it does.
func TestDamagedIndex(t *testing.T) {
	a := newArena(t)
	img := layered("damaged", 1, 1)
	_, name := a.registryOf(img)
	if err := a.pulled(name, img); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"layers", "images"} {
		file := filepath.Join(a.world.DataDir(), "containers", "storage", "overlay-"+kind, kind+".json")
		good, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, bad := range map[string][]byte{"empty": {}, "truncated": good[:len(good)/2], "garbage": []byte("\x00\xff garbage"), "of another type": []byte(`{"a":1}`)} {
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			o := a.pull(name)
			if o.code == 0 {
				continue // it was mended by itself
			}
			said, err := o.refusal()
			if err != nil || !strings.Contains(said, kind) {
				t.Errorf("%s %s: %q, %v; want the name of the file", kind, what, o.stderr, err)
			}
			if !strings.Contains(o.stderr, "hint: mv ") {
				t.Errorf("%s %s: %q does not say what mends it", kind, what, o.stderr)
			}
			if err := os.Rename(file, file+".damaged"); err != nil {
				t.Fatal(err)
			}
			if err := a.pulled(name, img); err != nil {
				t.Errorf("%s %s: what the hint says does not mend it: %v", kind, what, err)
			}
		}
		if err := os.WriteFile(file, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.pulled(name, img); err != nil {
		t.Error(err)
	}
}

// TestFullDisk pulls and loads into a file system that is too small: nothing half is left, and what is there can be removed.
func TestFullDisk(t *testing.T) {
	a := newArena(t)
	root := filepath.Join(a.world.DataDir(), "containers", "storage")
	if err := os.MkdirAll(root, 0o700); err != nil {
		t.Fatal(err)
	}
	if o := a.pod(nil, "unshare", "mount", "-t", "tmpfs", "-o", "size=16m,mode=0700", "tmpfs", root); o.code != 0 {
		t.Fatal(o.stderr)
	}
	defer a.pod(nil, "unshare", "umount", root)
	fits := layered("fits", 1, 1)
	registry, name := a.registryOf(fits)
	if err := a.pulled(name, fits); err != nil {
		t.Fatal(err)
	}
	var layers []layer
	for i := range 8 {
		layers = append(layers, packed(archive(file(fmt.Sprint("zeroes", i), strings.Repeat("\x00", 5<<20)))))
	}
	large := newImage(layers...)
	registry.add("large", large)
	place := filepath.Join(a.world.Dir, "t", "large.tar")
	if err := writeTar(place, large.dockerArchive("localhost/large:latest")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"pull", "-q", "--retry", "0", "--tls-verify=false", strings.TrimSuffix(name, "app") + "large"}, {"load", "-q", "-i", place}} {
		o := a.pod(nil, args...)
		said, err := o.refusal()
		if err != nil || !strings.Contains(said, "no space left") {
			t.Errorf("%s: %q, %v; want that there is no space left", args[0], o.stderr, err)
		}
		if err := a.means(name, fits); err != nil {
			t.Errorf("after %s %v", args[0], err)
		}
	}
	if o := a.pod(nil, "rmi", name); o.code != 0 {
		t.Errorf("rmi on a full disk: %s", o.stderr)
	}
	if err := a.pulled(name, fits); err != nil {
		t.Errorf("after rmi: %v", err)
	}
}
