package transfer

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

func TestLoadDockerArchive(t *testing.T) {
	s := newStore(t, "")
	file := filepath.Join(t.TempDir(), "x.tar")
	if err := small("one").Save(file, "docker.io/library/hello:1"); err != nil {
		t.Fatal(err)
	}
	plain, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(plain)
	z.Close()
	for name, data := range map[string][]byte{"plain": plain, "compressed": zipped.Bytes()} {
		t.Run(name, func(t *testing.T) {
			loaded, err := Transfer{}.Load(t.Context(), s, "", bytes.NewReader(data), image.PullOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(loaded) != 1 || !slices.Equal(loaded[0].Names, []string{"docker.io/library/hello:1"}) {
				t.Errorf("loaded %v, want docker.io/library/hello:1", loaded)
			}
			if got := content(t, s, loaded[0].Image, "etc/second"); got != "oneone" {
				t.Errorf("etc/second has %q", got)
			}
			empty(t, s)
		})
	}
}

// TestSaveAndLoad carries an image through each format into an empty store.
func TestSaveAndLoad(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	push(t, small("one"), host+"/app:1")
	img := pull(t, s, host+"/app:1", image.PullOptions{})
	for _, f := range []image.Format{image.DockerArchive, image.OCIArchive, image.OCIDir, image.DockerDir} {
		t.Run(string(f), func(t *testing.T) {
			out := filepath.Join(t.TempDir(), "saved")
			opts := image.SaveOptions{Format: f, Output: out, Uncompressed: f == image.OCIDir}
			if err := (Transfer{}).Save(t.Context(), s, []string{"app:1"}, opts); err != nil {
				t.Fatal(err)
			}
			if left, _ := filepath.Glob(filepath.Join(filepath.Dir(out), ".pod-save*")); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
			dir := t.TempDir()
			other := openStore(t, filepath.Join(dir, "root"), filepath.Join(dir, "run"))
			loaded, err := Transfer{}.Load(t.Context(), other, out, nil, image.PullOptions{})
			if err != nil {
				t.Fatal(err)
			}
			want := []string{host + "/app:1"}
			if f == image.DockerDir {
				want = nil // the format has no names
			}
			if !slices.Equal(loaded[0].Names, want) {
				t.Errorf("names are %v, want %v", loaded[0].Names, want)
			}
			if f == image.DockerArchive && loaded[0].Image.ID != img.ID {
				t.Errorf("id is %s, want %s", loaded[0].Image.ID, img.ID)
			}
			if got := content(t, other, loaded[0].Image, "etc/hello"); got != "one" {
				t.Errorf("etc/hello has %q", got)
			}
		})
	}
}

func TestSaveSeveral(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	for _, tag := range []string{"1", "2"} {
		push(t, small(tag), host+"/app:"+tag)
		pull(t, s, host+"/app:"+tag, image.PullOptions{})
	}
	var out bytes.Buffer
	if err := (Transfer{}).Save(t.Context(), s, []string{"app:1", "app:2"}, image.SaveOptions{Format: image.DockerArchive, Out: &out, Multi: true}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	other := openStore(t, filepath.Join(dir, "root"), filepath.Join(dir, "run"))
	loaded, err := Transfer{}.Load(t.Context(), other, "", &out, image.PullOptions{})
	if err != nil || len(loaded) != 2 {
		t.Fatalf("loaded %v, %v; want two images", loaded, err)
	}
	out.Reset()
	if err := (Transfer{}).Save(t.Context(), s, []string{"app:1", "further:tag"}, image.SaveOptions{Format: image.DockerArchive, Out: &out}); err != nil {
		t.Fatal(err)
	}
	loaded, err = Transfer{}.Load(t.Context(), other, "", &out, image.PullOptions{})
	if err != nil || len(loaded) != 1 || !slices.Equal(loaded[0].Names, []string{host + "/app:1", "localhost/further:tag"}) {
		t.Fatalf("loaded %v, %v; want one image with two names", loaded, err)
	}
	// Two names of one image, each asked for as an image of its own.
	if err := s.Tag(t.Context(), "app:1", "same:1"); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	names := []string{"app:1", "app:2", "same:1"}
	if err := (Transfer{}).Save(t.Context(), s, names, image.SaveOptions{Format: image.DockerArchive, Out: &out, Multi: true}); err != nil {
		t.Fatal(err)
	}
	loaded, err = Transfer{}.Load(t.Context(), other, "", &out, image.PullOptions{})
	if err != nil || len(loaded) != 2 || !slices.Equal(loaded[0].Names, []string{host + "/app:1", "localhost/same:1"}) {
		t.Fatalf("loaded %v, %v; want two images, the first with two names", loaded, err)
	}
}

// TestSaveKeepsOldFile lets the save fail after the old file was there: it must stay as it was.
func TestSaveKeepsOldFile(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	push(t, small("one"), host+"/app:1")
	pull(t, s, host+"/app:1", image.PullOptions{})
	out := filepath.Join(t.TempDir(), "saved")
	if err := os.WriteFile(out, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Transfer{}).Save(ctx, s, []string{host + "/app:1"}, image.SaveOptions{Format: image.DockerArchive, Output: out}); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v, want %v", err, context.Canceled)
	}
	if b, _ := os.ReadFile(out); string(b) != "old" {
		t.Errorf("the file now has %d bytes", len(b))
	}
}

func TestLoadRefuses(t *testing.T) {
	s := newStore(t, "")
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage")
	if err := os.WriteFile(garbage, []byte("this is not an archive"), 0o644); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file",
		garbage:                    "neither a docker archive",
		dir:                        "neither an OCI layout",
	} {
		_, err := Transfer{}.Load(t.Context(), s, path, nil, image.PullOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("load %s: %v; want %q", path, err, want)
		}
	}
	empty(t, s)
}

// TestLoadFromSilentPipe cancels a load that waits for its input.
func TestLoadFromSilentPipe(t *testing.T) {
	s := newStore(t, "")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := (Transfer{}).Load(ctx, s, "", r, image.PullOptions{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error is %v", err)
	}
}
