package engine

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"golang.org/x/sys/unix"
)

func TestOverlayOptions(t *testing.T) {
	tests := []struct {
		name   string
		layers image.Layers
		want   string
	}{
		{"plain", image.Layers{Dirs: []string{"/a", "/b"}}, "lowerdir=/a:/b"},
		{"short links first", image.Layers{Dirs: []string{"/a"}, BaseDir: "/base", Links: []string{"l/A", "l/B"}}, "lowerdir=l/A:l/B"},
		{"separators", image.Layers{Dirs: []string{`/a:b,c\d`}}, `lowerdir=/a\:b\,c\\d`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := overlayOptions(tt.layers, "/u:p,per", `/w\ork`)
			if want := tt.want + `,upperdir=/u\:p\,per,workdir=/w\\ork`; got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// tree is the root of a container in a directory, with a secret of the host beside it that no image may reach.
type tree struct {
	t    *testing.T
	root *os.File
	host string
}

func newTree(t *testing.T) *tree {
	t.Helper()
	dir := t.TempDir()
	tr := &tree{t: t, host: filepath.Join(dir, "host")}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "root"), 0o755), os.Mkdir(tr.host, 0o755)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(tr.host, "secret"), "secret")
	root, err := os.Open(filepath.Join(dir, "root"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { root.Close() })
	tr.root = root
	return tr
}

func (tr *tree) path(name string) string { return filepath.Join(tr.root.Name(), name) }

func (tr *tree) mkdir(name string) {
	tr.t.Helper()
	if err := os.MkdirAll(tr.path(name), 0o755); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *tree) link(name, target string) {
	tr.t.Helper()
	tr.mkdir(filepath.Dir(name))
	if err := os.Symlink(target, tr.path(name)); err != nil {
		tr.t.Fatal(err)
	}
}

// hostUntouched looks that nothing was made, changed or removed outside the root.
func (tr *tree) hostUntouched() {
	tr.t.Helper()
	entries, err := os.ReadDir(tr.host)
	text, readErr := os.ReadFile(filepath.Join(tr.host, "secret"))
	if err != nil || readErr != nil || len(entries) != 1 || string(text) != "secret" {
		tr.t.Errorf("outside the root there is now %v, %q", entries, text)
	}
}

func TestPrepareRoot(t *testing.T) {
	dirs := []string{"dev", "proc", "sys", "etc", "run"}
	files := []string{"etc/hosts", "etc/hostname", "etc/resolv.conf"}
	tests := []struct {
		name string
		make func(*tree)
		fail bool
	}{
		{"empty image", func(*tree) {}, false},
		{"links out of the root", func(tr *tree) {
			for _, dir := range dirs {
				tr.link(dir, tr.host)
			}
		}, false},
		{"links up", func(tr *tree) { tr.link("dev", "../host"); tr.link("etc", "../../../../../../..") }, false},
		{"links to nowhere and to themselves", func(tr *tree) { tr.link("proc", "nowhere"); tr.link("sys", "sys") }, false},
		{"files", func(tr *tree) {
			for _, dir := range dirs {
				write(tr.t, tr.path(dir), "file")
			}
		}, false},
		{"FIFOs", func(tr *tree) {
			tr.mkdir("etc")
			for _, name := range []string{"dev", "etc/hosts", "etc/resolv.conf"} {
				if err := unix.Mkfifo(tr.path(name), 0o666); err != nil {
					tr.t.Fatal(err)
				}
			}
		}, false},
		{"links to the host's files", func(tr *tree) {
			for _, file := range files {
				tr.link(file, filepath.Join(tr.host, "secret"))
			}
		}, false},
		{"an empty directory for a file", func(tr *tree) { tr.mkdir("etc/hosts") }, false},
		{"a full directory for a file", func(tr *tree) { tr.mkdir("etc/hosts/x") }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTree(t)
			tt.make(tr)
			err := prepareRoot(tr.root, &container.Config{})
			tr.hostUntouched()
			if (err != nil) != tt.fail {
				t.Fatalf("error %v, want one: %v", err, tt.fail)
			}
			if tt.fail {
				return
			}
			for _, dir := range dirs {
				if info, err := os.Lstat(tr.path(dir)); err != nil || !info.IsDir() {
					t.Errorf("/%s is no directory: %v, %v", dir, info, err)
				}
			}
			for _, file := range files {
				if info, err := os.Lstat(tr.path(file)); err != nil || !info.Mode().IsRegular() {
					t.Errorf("/%s is no file: %v, %v", file, info, err)
				}
			}
		})
	}
}

func TestPrepareRootKeepsWhatIsRight(t *testing.T) {
	tr := newTree(t)
	write(t, tr.path("etc/hosts"), "kept")
	write(t, tr.path("run/kept"), "kept")
	if err := prepareRoot(tr.root, &container.Config{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"etc/hosts", "run/kept"} {
		if text, err := os.ReadFile(tr.path(name)); err != nil || string(text) != "kept" {
			t.Errorf("/%s is %q, %v", name, text, err)
		}
	}
}

func TestMakeWorkdir(t *testing.T) {
	tests := []struct {
		name, workdir string
		make          func(*tree)
		want          string // a directory that is there afterwards; empty: an error
	}{
		{"root", "/", nil, "."},
		{"missing parents", "/a/b/c", nil, "a/b/c"},
		{"is there", "/a/b", func(tr *tree) { tr.mkdir("a/b") }, "a/b"},
		{"dots stay inside", "/../../a/../b", nil, "b"},
		{"absolute link is the container's", "/data/sub", func(tr *tree) { tr.mkdir("real"); tr.link("data", "/real") }, "real/sub"},
		{"link to the host's directory", "/data/sub", func(tr *tree) { tr.link("data", tr.host) }, ""},
		{"link up", "/data/sub", func(tr *tree) { tr.link("data", "../../../../host") }, ""},
		{"link up that meets a directory of the container", "/data/sub", func(tr *tree) { tr.mkdir("host"); tr.link("data", "../../host") }, "host/sub"},
		{"link to itself", "/data/sub", func(tr *tree) { tr.link("data", "data") }, ""},
		{"a file in the way", "/data/sub", func(tr *tree) { write(tr.t, tr.path("data"), "") }, ""},
		{"a link to nowhere at the end", "/data", func(tr *tree) { tr.link("data", "nowhere") }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTree(t)
			if tt.make != nil {
				tt.make(tr)
			}
			err := makeWorkdir(tr.root, tt.workdir, os.Getuid(), os.Getgid())
			tr.hostUntouched()
			if tt.want == "" {
				if err == nil || !strings.Contains(err.Error(), tt.workdir) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Lstat(tr.path(tt.want)); err != nil || !info.IsDir() {
				t.Errorf("/%s: %v, %v", tt.want, info, err)
			}
		})
	}
}

func TestReadInRoot(t *testing.T) {
	const limit = 1 << 20
	tests := []struct {
		name string
		make func(*tree)
		want string
		fail bool
	}{
		{"missing", func(*tree) {}, "", false},
		{"missing directory", func(tr *tree) { write(tr.t, tr.path("etc"), "") }, "", false},
		{"a file", func(tr *tree) { write(tr.t, tr.path("etc/passwd"), "text") }, "text", false},
		{"an absolute link", func(tr *tree) { write(tr.t, tr.path("usr/passwd"), "text"); tr.link("etc/passwd", "/usr/passwd") }, "text", false},
		{"a link to the host's file", func(tr *tree) { tr.link("etc/passwd", filepath.Join(tr.host, "secret")) }, "", false},
		{"a link up", func(tr *tree) { tr.link("etc/passwd", "../../host/secret") }, "", false},
		{"a directory", func(tr *tree) { tr.mkdir("etc/passwd") }, "", true},
		{"a FIFO", func(tr *tree) {
			tr.mkdir("etc")
			if err := unix.Mkfifo(tr.path("etc/passwd"), 0o666); err != nil {
				tr.t.Fatal(err)
			}
		}, "", true},
		{"a link of the kernel", func(tr *tree) { tr.link("etc/passwd", "/proc/self/root") }, "", false},
		{"as large as allowed", func(tr *tree) { write(tr.t, tr.path("etc/passwd"), strings.Repeat("x", limit)) }, strings.Repeat("x", limit), false},
		{"a gigabyte of nothing", func(tr *tree) {
			tr.mkdir("etc")
			if err := makeSparse(tr.path("etc/passwd"), 1<<30); err != nil {
				tr.t.Fatal(err)
			}
		}, "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tr := newTree(t)
			tt.make(tr)
			got, err := readInRoot(tr.root, "/etc/passwd", limit)
			if string(got) != tt.want || (err != nil) != tt.fail {
				t.Errorf("got %d bytes, %v; want %d bytes, an error: %v", len(got), err, len(tt.want), tt.fail)
			}
		})
	}
}

func TestMoreLayersThanFit(t *testing.T) {
	for n, want := range map[int]string{100: "", 200: "overlay: 200 layers are more than one mount takes"} {
		links := make([]string, n)
		for i := range links {
			links[i] = "l/ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		}
		got := ""
		if err := (overlay{options: overlayOptions(image.Layers{Links: links}, "/up,per", "/w:ork")}).fits(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%d layers: %q, want %q", n, got, want)
		}
	}
}
