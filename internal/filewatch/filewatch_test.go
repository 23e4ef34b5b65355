package filewatch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// arrives fails the test unless w speaks within the time a person would wait.
func arrives(t *testing.T, w *Watcher, what string) {
	t.Helper()
	select {
	case <-w.C:
	case <-time.After(10 * time.Second):
		t.Fatalf("no notice of %s", what)
	}
}

func TestNotices(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w := newWatcher(path, time.Hour)
	defer w.Close()
	if w.Polling() {
		t.Skip("missing: an inotify instance")
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	arrives(t, w, "creation")
	w.Content(f)
	f.WriteString("x")
	arrives(t, w, "a write")
	f.Truncate(0)
	arrives(t, w, "truncation")
	os.Rename(path, path+".1")
	arrives(t, w, "a rename")
	g, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	arrives(t, w, "the next file")
	w.Content(g)
	g.WriteString("x")
	arrives(t, w, "a write to the next file")
}

// TestPollsWithoutInotify takes the descriptors away rather than the user's inotify instances, of which other programs
// would be short too; the kernel refuses in the same call.
func TestPollsWithoutInotify(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	none := limit
	none.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &none); err != nil {
		t.Fatal(err)
	}
	w := New(f.Name())
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if !w.Polling() {
		t.Fatal("the watcher found an inotify instance though there was none")
	}
	w.Content(f)
	arrives(t, w, "the clock")
	arrives(t, w, "the clock, again")
}

func TestMissingDirectoryPolls(t *testing.T) {
	w := New(filepath.Join(t.TempDir(), "no", "log"))
	defer w.Close()
	if !w.Polling() {
		t.Fatal("watching a missing directory")
	}
	arrives(t, w, "the clock")
}

func TestConcerns(t *testing.T) {
	event := func(name string) []byte {
		padded := make([]byte, (len(name)+16)/16*16)
		copy(padded, name)
		if name == "" {
			padded = nil
		}
		head := make([]byte, unix.SizeofInotifyEvent)
		head[12] = byte(len(padded))
		return append(head, padded...)
	}
	for _, c := range []struct {
		buf  []byte
		want bool
	}{
		{event("log"), true},
		{event(""), true},
		{event("log.1"), false},
		{event("state.json"), false},
		{append(event("state.json"), event("log")...), true},
		{nil, false},
		{[]byte{1, 2, 3}, false},
		{event("log")[:20], true},
	} {
		if got := concerns(c.buf, "log"); got != c.want {
			t.Errorf("concerns(%q) = %v", c.buf, got)
		}
	}
}

func TestCloseTwice(t *testing.T) {
	w := New(filepath.Join(t.TempDir(), "log"))
	w.Close()
	w.Close()
}
