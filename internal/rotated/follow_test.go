package rotated

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// writer rotates as the package's contract says: oldest first, and never a write to a file that left path.
type writer struct {
	t    testing.TB
	path string
	keep int
	f    *os.File
}

func newWriter(t testing.TB, path string, keep int) *writer {
	w := &writer{t: t, path: path, keep: keep}
	w.open()
	t.Cleanup(func() { w.f.Close() })
	return w
}

func (w *writer) open() {
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		w.t.Fatal(err)
	}
	w.f = f
}

func (w *writer) line(s string) {
	if _, err := w.f.WriteString(s + "\n"); err != nil {
		w.t.Fatal(err)
	}
}

func (w *writer) rotate() {
	for i := w.keep - 1; i > 0; i-- {
		from := w.path
		if i > 1 {
			from += "." + strconv.Itoa(i-1)
		}
		if err := os.Rename(from, w.path+"."+strconv.Itoa(i)); err != nil && !os.IsNotExist(err) {
			w.t.Fatal(err)
		}
	}
	if w.keep == 1 {
		os.Remove(w.path)
	}
	w.f.Close()
	w.open()
}

// collector gathers lines, and tells the test when it waits.
type collector struct {
	f     *os.File
	lines *Lines
	got   []string
	idle  chan struct{}
}

func newCollector() *collector { return &collector{idle: make(chan struct{}, 1)} }

func (c *collector) Read(ctx context.Context, f *os.File, last bool) error {
	if c.f != f {
		c.f, c.lines = f, NewLines(f, 0, -1)
	}
	for {
		p, err := c.lines.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c.got = append(c.got, string(p.Text))
	}
}

func (c *collector) Idle() {
	select {
	case c.idle <- struct{}{}:
	default:
	}
}

// follow runs Follow until stop is called, and gives what was read.
func follow(t testing.TB, path string, keep, first int) (c *collector, stop func() []string) {
	t.Helper()
	chain, err := Open(path, keep)
	if err != nil {
		t.Fatal(err)
	}
	c = newCollector()
	ended, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- chain.Follow(context.Background(), first, ended, c) }()
	return c, func() []string {
		t.Helper()
		close(ended)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("Follow does not end")
		}
		chain.Close()
		return c.got
	}
}

func numbers(from, to int) (list []string) {
	for i := from; i < to; i++ {
		list = append(list, strconv.Itoa(i))
	}
	return list
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("read %d lines %.200q, want %d lines %.200q", len(got), strings.Join(got, " "), len(want), strings.Join(want, " "))
	}
}

func TestFollowAcrossRotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const files, perFile = 40, 25
	w := newWriter(t, path, files+1) // nothing is pushed out, so nothing may be missing
	for i := range perFile {
		w.line(strconv.Itoa(i))
	}
	w.rotate()
	_, stop := follow(t, path, files+1, 0)
	for i := perFile; i < files*perFile; i++ {
		w.line(strconv.Itoa(i))
		if i%perFile == perFile-1 {
			w.rotate()
		}
	}
	equal(t, stop(), numbers(0, files*perFile))
}

func TestFollowStartsAtFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w := newWriter(t, path, 5)
	for i := range 3 {
		w.line(strconv.Itoa(i))
		w.rotate()
	}
	_, stop := follow(t, path, 5, 2)
	w.line("3")
	equal(t, stop(), numbers(2, 4))
}

// TestFollowSeveralRotationsAtOnce rotates while the reader holds only the oldest file.
func TestFollowSeveralRotationsAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w := newWriter(t, path, 4)
	w.line("0")
	chain, err := Open(path, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	for i := 1; i < 7; i++ { // 0 is pushed out by now, and so are 1 and 2
		w.rotate()
		w.line(strconv.Itoa(i))
	}
	ended := make(chan struct{})
	close(ended)
	c := newCollector()
	if err := chain.Follow(context.Background(), 0, ended, c); err != nil {
		t.Fatal(err)
	}
	equal(t, c.got, append([]string{"0"}, numbers(3, 7)...))
}

func TestFollowWaitsForTheFirstFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	c, stop := follow(t, path, 1, 0)
	<-c.idle
	w := newWriter(t, path, 1)
	w.line("0")
	equal(t, stop(), numbers(0, 1))
}

func TestFollowKeepsOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w := newWriter(t, path, 1)
	w.line("0")
	c, stop := follow(t, path, 1, 0)
	<-c.idle
	w.line("1")
	w.rotate()
	w.line("2")
	equal(t, stop(), numbers(0, 3))
}

// TestFollowDisturbed is what others may do to the files (F48).
func TestFollowDisturbed(t *testing.T) {
	for name, c := range map[string]struct {
		disturb func(w *writer)
		want    []string
	}{
		"deleted":           {func(w *writer) { os.Remove(w.path) }, []string{"old", "a", "b"}},
		"deleted, made new": {func(w *writer) { os.Remove(w.path); w.f.Close(); w.open() }, []string{"old", "a", "b"}},
		"moved away":        {func(w *writer) { os.Rename(w.path, w.path+".gone") }, []string{"old", "a", "b"}},
		"emptied":           {func(w *writer) { os.Truncate(w.path, 0) }, []string{"old", "a", "b"}},
		"old one deleted":   {func(w *writer) { os.Remove(w.path + ".1") }, []string{"old", "a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log")
			w := newWriter(t, path, 3)
			w.line("old")
			w.rotate()
			w.line("a")
			col, stop := follow(t, path, 3, 0)
			<-col.idle
			c.disturb(w)
			// A file emptied and filled again before anybody looks is as it was; two rounds are surely a look.
			<-col.idle
			<-col.idle
			w.line("b")
			equal(t, stop(), c.want)
		})
	}
}

func TestFollowDoesNotSpin(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w := newWriter(t, path, 3)
	w.line("0")
	chain, err := Open(path, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	c := &counter{collector: newCollector()}
	os.Remove(path)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := chain.Follow(ctx, 0, nil, c); err != context.DeadlineExceeded {
		t.Fatal(err)
	}
	if c.reads > 30 {
		t.Errorf("%d reads of a deleted file in a second", c.reads)
	}
}

type counter struct {
	*collector
	reads int
}

func (c *counter) Read(ctx context.Context, f *os.File, last bool) error {
	c.reads++
	return c.collector.Read(ctx, f, last)
}

func TestOpenWhileRotating(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	const keep = 6
	w := newWriter(t, path, keep)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 800 {
			w.line(strconv.Itoa(i))
			w.rotate()
		}
	}()
	for n := 0; ; n++ {
		chain, err := Open(path, keep)
		if err != nil {
			t.Fatal(err)
		}
		c := newCollector()
		for _, f := range chain.Files() {
			if err := c.Read(context.Background(), f, true); err != nil {
				t.Fatal(err)
			}
		}
		chain.Close()
		for i := 1; i < len(c.got); i++ {
			if a, b := atoi(t, c.got[i-1]), atoi(t, c.got[i]); b != a+1 {
				t.Fatalf("open %d saw %q: a file is missing, doubled or out of place", n, c.got)
			}
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestForgets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	w := newWriter(t, path, 2)
	chain, err := Open(path, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer chain.Close()
	ended := make(chan struct{})
	close(ended)
	c := newCollector()
	for i := range 200 {
		w.line(fmt.Sprint(i))
		if err := chain.Follow(context.Background(), 0, ended, c); err != nil {
			t.Fatal(err)
		}
		w.rotate()
	}
	equal(t, c.got, numbers(0, 200))
	if len(chain.seen) > 21 {
		t.Errorf("%d files are remembered though 2 exist", len(chain.seen))
	}
}

func TestOpenRefusesPipes(t *testing.T) {
	if chain, err := Open(os.DevNull, 1); err == nil {
		chain.Close()
		t.Error("a device was opened as a log")
	}
}
