package log

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/container"
)

func TestFollowAcrossRotation(t *testing.T) {
	for _, driver := range drivers() {
		l := newTestLog(t, driver, 200)
		l.output(Stdout, []byte("before\n"))
		f := follow(t, l.source(), Options{Tail: -1})
		want := "before\n"
		for i := range 3000 {
			// A partial record at the end of one file goes on in the next.
			l.output(Stdout, fmt.Appendf(nil, "%d-", i))
			if i%20 == 0 {
				l.rotate()
			}
			l.output(Stdout, fmt.Appendf(nil, "%d\n", i))
			want += fmt.Sprintf("%d-%d\n", i, i)
		}
		if got := f.end().stdout.String(); got != want {
			t.Errorf("%s: %d bytes, want %d: records were lost or repeated", driver, len(got), len(want))
		}
	}
}

func TestFollowTailOfNothing(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 3)
	l.output(Stdout, []byte("old\n"))
	l.rotate()
	l.output(Stdout, []byte("old too\n"))
	f := follow(t, l.source(), Options{Tail: 0})
	<-f.idle
	l.output(Stdout, []byte("new\n"))
	l.rotate()
	l.output(Stderr, []byte("newer\n"))
	if got := f.end(); got.stdout.String() != "new\n" || got.stderr.String() != "newer\n" {
		t.Errorf("%q and %q", &got.stdout, &got.stderr)
	}
}

// TestFollowEmptied is a log that somebody empties while only its new lines are followed (F48).
func TestFollowEmptied(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	l.output(Stdout, []byte(strings.Repeat("old\n", 100)))
	f := follow(t, l.source(), Options{Tail: 0})
	<-f.idle
	if err := os.Truncate(l.path, 0); err != nil {
		t.Fatal(err)
	}
	<-f.idle // perhaps from before
	<-f.idle
	l.output(Stdout, []byte("new\n"))
	if got := f.end().stdout.String(); got != "new\n" {
		t.Errorf("%q", got)
	}
}

func TestFollowDeleted(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 2)
	l.output(Stdout, []byte("a\n"))
	f := follow(t, l.source(), Options{Tail: -1})
	<-f.idle
	os.Remove(l.path)
	l.output(Stdout, []byte("b\n"))
	if got := f.end().stdout.String(); got != "a\nb\n" {
		t.Errorf("%q", got)
	}
}

func TestFollowUntilComes(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	l.output(Stdout, []byte("a\n"))
	f := follow(t, l.source(), Options{Tail: -1, Until: time.Now().Add(100 * time.Millisecond)})
	if got := f.wait().stdout.String(); got != "a\n" {
		t.Errorf("%q", got)
	}
}

// TestFollowGivesPartialRecords: a prompt without newline is a record and is given at once.
func TestFollowGivesPartialRecords(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	f := follow(t, l.source(), Options{Tail: -1})
	<-f.idle
	l.output(Stdout, []byte("Password: "))
	if got := f.end().stdout.String(); got != "Password: " {
		t.Errorf("%q", got)
	}
}

// TestFollowHalfWrittenRecord: a record is given when it is whole.
func TestFollowHalfWrittenRecord(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	line := l.encode(Stdout, []byte("whole"), true)
	l.raw(line[:len(line)-3])
	f := follow(t, l.source(), Options{Tail: -1})
	<-f.idle
	l.raw(line[len(line)-3:])
	if got := f.end(); got.stdout.String() != "whole\n" || got.records != 1 {
		t.Errorf("%q in %d records", &got.stdout, got.records)
	}
}

// TestFollowWithoutInotify runs itself again in a user namespace that may have no inotify instance.
func TestFollowWithoutInotify(t *testing.T) {
	const inside = "POD_TEST_WITHOUT_INOTIFY"
	if os.Getenv(inside) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestFollowWithoutInotify$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		switch {
		case err != nil && cmd.Process == nil:
			t.Skipf("missing: user namespaces: %v", err)
		case err != nil:
			t.Errorf("%v\n%s", err, out)
		case strings.Contains(string(out), "--- SKIP"):
			t.Skipf("%s", out)
		}
		return
	}
	if err := os.WriteFile("/proc/sys/user/max_inotify_instances", []byte("0"), 0); err != nil {
		t.Skipf("missing: a limit on inotify instances: %v", err)
	}
	if fd, err := unix.InotifyInit1(unix.IN_CLOEXEC); err == nil {
		unix.Close(fd)
		t.Fatal("there is an inotify instance beyond the limit")
	}
	l := newTestLog(t, container.LogK8sFile, 5)
	f := follow(t, l.source(), Options{Tail: -1})
	for i := range 3 {
		<-f.idle
		l.output(Stdout, fmt.Appendf(nil, "%d\n", i))
		l.rotate()
	}
	if got := f.end().stdout.String(); got != "0\n1\n2\n" {
		t.Errorf("%q", got)
	}
}

// TestMemoryOfAHugeLine reads a line far longer than the memory it may take, from a file with a hole.
func TestMemoryOfAHugeLine(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	l.output(Stdout, []byte("a\n"))
	line := l.encode(Stdout, nil, true)
	l.raw(line[:len(line)-1])
	info, err := os.Stat(l.path)
	if err != nil {
		t.Fatal(err)
	}
	const hole = 1 << 28
	if err := os.Truncate(l.path, info.Size()+hole); err != nil {
		t.Fatal(err)
	}
	l.raw([]byte("\n"))
	l.output(Stdout, []byte("b\n"))
	for _, tail := range []int{-1, 2} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		var bytes int
		err := Read(t.Context(), l.source(), Options{Tail: tail}, func(r Record) error { bytes += len(r.Text); return nil })
		runtime.ReadMemStats(&after)
		if err != nil || bytes < hole || bytes > hole+3 {
			t.Errorf("tail %d: %d bytes, %v", tail, bytes, err)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 32<<20 {
			t.Errorf("tail %d: %d bytes of memory", tail, used)
		}
	}
}
