package filelock

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestMain also is the other process: it takes the lock, says so and holds it until it is killed.
func TestMain(m *testing.M) {
	if path := os.Getenv("FILELOCK_HOLD"); path != "" {
		if _, err := Acquire(context.Background(), path, "hold it"); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("held")
		bufio.NewReader(os.Stdin).ReadByte()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// holder starts another process that holds the lock at path.
func holder(t *testing.T, path string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"FILELOCK_HOLD=" + path}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
	return cmd
}

func lockPath(t *testing.T) string { return filepath.Join(t.TempDir(), "lock") }

func TestDeadlineNamesTheHolder(t *testing.T) {
	path := lockPath(t)
	other := holder(t, path)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := Acquire(ctx, path, "wait")
	if !errors.Is(err, ErrHeld) {
		t.Fatalf("got %v", err)
	}
	if want := "process " + strconv.Itoa(other.Process.Pid) + ": hold it"; !strings.Contains(err.Error(), want) {
		t.Errorf("%q does not say %q", err, want)
	}
}

// Those who share a lock keep out who wants it alone, and the other way round.
func TestShared(t *testing.T) {
	path := lockPath(t)
	first, err := Share(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Share(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	first.Release()
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Errorf("while the second has it: %v", err)
	}
	second.Release()
	alone, err := Try(path)
	if err != nil {
		t.Fatal(err)
	}
	defer alone.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := Share(ctx, path); !errors.Is(err, ErrHeld) {
		t.Errorf("while another has it alone: %v", err)
	}
}

func TestReleasedByKill(t *testing.T) {
	path := lockPath(t)
	other := holder(t, path)
	if _, err := Try(path); !errors.Is(err, ErrHeld) {
		t.Fatalf("while it is held: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := AcquireExisting(context.Background(), path, "take over")
		got <- err
	}()
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-got:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("the lock of a killed process is not free")
	}
}

func TestCancelEndsTheWait(t *testing.T) {
	path := lockPath(t)
	lock, err := Acquire(t.Context(), path, "first")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Acquire(ctx, path, "second"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// Who claims what is not locked, or has no file to lock, has it; who made the directory and comes to its lock later finds that it is gone.
func TestClaim(t *testing.T) {
	path := filepath.Join(t.TempDir(), "made", "lock")
	if _, err := Claim(path, "clear"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("without the directory: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	lock, err := Claim(path, "clear")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Claim(path, "clear"); !errors.Is(err, ErrHeld) {
		t.Errorf("what is claimed: %v", err)
	}
	got := make(chan error, 1)
	go func() {
		_, err := Acquire(t.Context(), path, "make")
		got <- err
	}()
	waitOpened(t, path, 2)
	if err := errors.Join(os.RemoveAll(filepath.Dir(path)), lock.Release()); err != nil {
		t.Fatal(err)
	}
	if err := <-got; !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the maker: %v", err)
	}
}

// A file that goes away while somebody waits is not what that one wanted to lock.
func TestFileReplacedWhileWaiting(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".old") },
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".new", nil, 0o600), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := lockPath(t)
			lock, err := Acquire(t.Context(), path, "first")
			if err != nil {
				t.Fatal(err)
			}
			got := make(chan error, 1)
			go func() {
				_, err := AcquireExisting(t.Context(), path, "second")
				got <- err
			}()
			waitOpened(t, path, 2)
			if err := errors.Join(change(path), lock.Release()); err != nil {
				t.Fatal(err)
			}
			if err := <-got; !errors.Is(err, os.ErrNotExist) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// waitOpened returns when this process has the file open n times.
func waitOpened(t *testing.T, path string, n int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; {
		found := 0
		fds, _ := filepath.Glob("/proc/self/fd/*")
		for _, fd := range fds {
			if target, _ := os.Readlink(fd); target == path {
				found++
			}
		}
		if found >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is open %d times, want %d", path, found, n)
		}
	}
}

func TestOnlyOneHolds(t *testing.T) {
	path := lockPath(t)
	var inside, entered atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			lock, err := Acquire(t.Context(), path, "count")
			if err != nil {
				t.Error(err)
				return
			}
			if n := inside.Add(1); n != 1 {
				t.Errorf("%d hold the lock", n)
			}
			entered.Add(1)
			inside.Add(-1)
			lock.Release()
		})
	}
	all.Wait()
	if entered.Load() != 32 {
		t.Errorf("%d came in", entered.Load())
	}
}

func TestWhatIsNoLockFile(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"a link": link, "a directory": dir} {
		if _, err := Acquire(t.Context(), path, "try"); err == nil {
			t.Errorf("%s was locked", name)
		}
	}
	missing := filepath.Join(dir, "missing")
	if _, err := AcquireExisting(t.Context(), missing, "try"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := Try(missing); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestChildrenDoNotInherit(t *testing.T) {
	lock, err := Acquire(t.Context(), lockPath(t), "alone")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Release()
	if flags, err := unix.FcntlInt(lock.File().Fd(), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("flags %#x, %v", flags, err)
	}
}

func TestHolderOfGarbage(t *testing.T) {
	path := lockPath(t)
	if got := Holder(path); got != "by an unknown process" {
		t.Errorf("of a missing file: %q", got)
	}
	if err := os.WriteFile(path, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Holder(path); got != "by an unknown process" {
		t.Errorf("of garbage: %q", got)
	}
	if err := unix.Mkfifo(path+".fifo", 0o600); err != nil {
		t.Fatal(err)
	}
	if got := Holder(path + ".fifo"); got != "by an unknown process" {
		t.Errorf("of a FIFO: %q", got)
	}
}

// A lock whose holder was killed is taken within 100 ms: the kernel frees it at once, and nobody looks away for longer than that.
func TestWaitersLookOften(t *testing.T) {
	if maxPause > 50*time.Millisecond {
		t.Errorf("a waiter looks only every %s", maxPause)
	}
	path := filepath.Join(t.TempDir(), "lock")
	held := holder(t, path)
	waiter := make(chan error, 1)
	go func() {
		lock, err := Acquire(context.Background(), path, "wait")
		if err == nil {
			err = lock.Release()
		}
		waiter <- err
	}()
	held.Process.Kill()
	held.Wait()
	if lock, err := Try(path); err == nil {
		lock.Release() // free as soon as its holder is gone, unless the waiter was faster
	} else if !errors.Is(err, ErrHeld) {
		t.Error(err)
	}
	if err := <-waiter; err != nil {
		t.Error(err)
	}
}
