package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newBase makes a cgroup of its own that the test may change, or skips. On a hybrid machine root has such a place beside version 1.
func newBase(t *testing.T) Setup {
	t.Helper()
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
		var fs unix.Statfs_t
		if unix.Statfs(root, &fs) != nil || fs.Type != unix.CGROUP2_SUPER_MAGIC {
			continue
		}
		self, err := os.ReadFile("/proc/self/cgroup")
		if err != nil {
			t.Fatal(err)
		}
		found, err := Detect(Facts{Root: root, Unified: true, Self: string(self)})
		if err != nil || found.Manager != Cgroupfs {
			continue
		}
		base := filepath.Join(found.Base, fmt.Sprintf("pod-test-%d-%s", os.Getpid(), t.Name()))
		if err := os.Mkdir(filepath.Join(root, base), 0o755); err != nil {
			t.Fatal(err)
		}
		s := Setup{Manager: Cgroupfs, Root: root, Base: base, Parent: base + "/pod", Own: base}
		if s.Controllers, err = readWords(s.Dir(base) + "/cgroup.controllers"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := errors.Join(Kill(ctx, s.Dir(base)), Remove(ctx, s.Dir(base))); err != nil {
				t.Error(err)
			}
		})
		return s
	}
	t.Skip("no cgroup of version 2 that this user may change (run as root, or in a delegated session)")
	return Setup{}
}

func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("sleep", "infinity")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go cmd.Wait()
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd
}

func TestLifeOfACgroup(t *testing.T) {
	s := newBase(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for range 2 {
		if err := s.Prepare(); err != nil {
			t.Fatal(err)
		}
	}
	path, err := s.CgroupsPath("c1", "")
	if err != nil {
		t.Fatal(err)
	}
	dir := s.Dir(path)
	if err := os.MkdirAll(dir+"/nested/deep", 0o755); err != nil {
		t.Fatal(err)
	}
	if got, err := readWords(dir + "/cgroup.controllers"); err != nil || len(got) != len(s.Controllers) {
		t.Errorf("controllers of a container %v, of the base %v, %v", got, s.Controllers, err)
	}
	a, b := sleeper(t), sleeper(t)
	if err := errors.Join(Place(dir, a.Process.Pid), Place(dir+"/nested/deep", b.Process.Pid)); err != nil {
		t.Fatal(err)
	}
	if got, err := s.DirOf(a.Process.Pid); err != nil || got != dir {
		t.Errorf("process is in %q (%v), want %q", got, err, dir)
	}
	pids, err := Processes(dir)
	if slices.Sort(pids); err != nil || !slices.Equal(pids, sorted(a.Process.Pid, b.Process.Pid)) {
		t.Errorf("processes %v, %v", pids, err)
	}
	if err := Freeze(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if frozen, err := Frozen(dir); !frozen || err != nil {
		t.Errorf("frozen: %v, %v", frozen, err)
	}
	if err := Thaw(ctx, dir); err != nil {
		t.Fatal(err)
	}
	if frozen, err := Frozen(dir); frozen || err != nil {
		t.Errorf("thawed, yet frozen: %v, %v", frozen, err)
	}
	short, stop := context.WithTimeout(ctx, 20*time.Millisecond)
	defer stop()
	if err := Remove(short, dir); !errors.Is(err, unix.EBUSY) {
		t.Errorf("a cgroup with processes was removed: %v", err)
	}
	if err := Freeze(ctx, dir); err != nil { // frozen processes can be killed too
		t.Fatal(err)
	}
	for range 2 {
		if err := errors.Join(Kill(ctx, dir), Remove(ctx, dir)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
	if pids, err := Processes(dir); err != nil || len(pids) != 0 {
		t.Errorf("processes of a removed cgroup: %v, %v", pids, err)
	}
}

// What kernels before 5.14 need works as well.
func TestKillEach(t *testing.T) {
	s := newBase(t)
	dir := s.Dir(s.Base)
	if err := Place(dir, sleeper(t).Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := killEach(dir); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := waitEvent(ctx, dir, "populated", "0"); err != nil {
		t.Error(err)
	}
}

// A session that may change nothing above its own cgroup has to be moved out of the way before controllers can be handed down, also
// those that the kernel would hand down over its head.
func TestPrepareEvacuates(t *testing.T) {
	s := newBase(t)
	s.Controllers = []string{"pids"}
	p := sleeper(t)
	if err := Place(s.Dir(s.Base), p.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	if got, err := s.DirOf(p.Process.Pid); err != nil || got != s.Dir(s.Base+"/pod-others") {
		t.Errorf("process is in %q, %v", got, err)
	}
}

func TestPlaceMonitor(t *testing.T) {
	s := newBase(t)
	if err := s.Prepare(); err != nil {
		t.Fatal(err)
	}
	p := sleeper(t)
	start := time.Now()
	dir, err := s.PlaceMonitor("c1", p.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("placed in %v", time.Since(start))
	if got, err := s.DirOf(p.Process.Pid); err != nil || got != dir || dir != s.Dir(s.Parent+"/monitor-c1") {
		t.Errorf("monitor is in %q, want %q, %v", got, dir, err)
	}
	if dir, err := (Setup{Manager: Disabled}).PlaceMonitor("c1", p.Process.Pid); dir != "" || err != nil {
		t.Errorf("without cgroups: %q, %v", dir, err)
	}
}

func TestRefusesWhatIsNoCgroup(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(dir+"/precious", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Remove(t.Context(), dir); err == nil {
		t.Error("an ordinary directory was removed")
	}
	if _, err := os.Stat(dir + "/precious"); err != nil {
		t.Error(err)
	}
	if err := Place(dir, 0); err == nil {
		t.Error("pid 0, this process, was moved")
	}
	if err := Place(dir, os.Getpid()); err == nil {
		t.Error("a file was made in an ordinary directory")
	}
}

func sorted(pids ...int) []int { slices.Sort(pids); return pids }
