package cgroup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Prepare makes the directory that holds the containers' cgroups and hands the controllers down to it. It is cheap when
// that was done before, and does nothing unless the manager is Cgroupfs.
//
// A cgroup other than the root cannot both hold processes and hand controllers down. When the user may change nothing
// above this process's own cgroup, the processes in it are moved to a child of it, "pod-others", first.
func (s Setup) Prepare() error {
	if s.Manager != Cgroupfs {
		return nil
	}
	if err := enable(s.Dir(s.Base), s.Controllers); errors.Is(err, unix.EBUSY) && s.Base == s.Own {
		if err := evacuate(s.Dir(s.Base), filepath.Join(s.Dir(s.Base), "pod-others")); err != nil {
			return err
		}
		if err := enable(s.Dir(s.Base), s.Controllers); err != nil {
			return fmt.Errorf("enable controllers in cgroup %q: %w", s.Base, err)
		}
	} else if err != nil {
		return fmt.Errorf("enable controllers in cgroup %q: %w", s.Base, err)
	}
	if err := os.Mkdir(s.Dir(s.Parent), 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make cgroup %q: %w", s.Parent, err)
	}
	if err := enable(s.Dir(s.Parent), s.Controllers); err != nil {
		return fmt.Errorf("enable controllers in cgroup %q: %w", s.Parent, err)
	}
	return nil
}

// enable hands controllers down to the children of dir. One at a time: a controller the kernel refuses (a threaded one, or cpu while
// real-time tasks run) must not take the others with it. A cgroup with processes in it is EBUSY: the kernel says so itself only of controllers
// that know no threads. It would take cpu and pids, and refuse the others (EOPNOTSUPP) and processes in the children from then on.
func enable(dir string, controllers []string) error {
	file := filepath.Join(dir, "cgroup.subtree_control")
	enabled, err := readWords(file)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(controllers), func(c string) bool { return slices.Contains(enabled, c) })
	if len(missing) > 0 && occupied(dir) {
		return unix.EBUSY
	}
	for _, c := range missing {
		if err := writeFile(file, "+"+c); errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return nil
}

// occupied reports whether processes are in the way of handing controllers down. Those in the root cgroup, which has no type, are not.
func occupied(dir string) bool {
	if _, err := os.Stat(filepath.Join(dir, "cgroup.type")); err != nil {
		return false
	}
	pids, err := readWords(filepath.Join(dir, "cgroup.procs")) // fails in a threaded cgroup
	return err == nil && len(pids) > 0
}

// evacuate moves all processes of one cgroup to another, again until none was left or born meanwhile.
func evacuate(from, to string) error {
	if err := os.Mkdir(to, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("make cgroup %q: %w", to, err)
	}
	const rounds = 20
	for range rounds {
		pids, err := readPIDs(filepath.Join(from, "cgroup.procs"))
		if err != nil {
			return fmt.Errorf("move processes of cgroup %q: %w", from, err)
		}
		if len(pids) == 0 {
			return nil
		}
		for _, pid := range pids {
			// 0 stands for a process of an outer pid namespace, which cannot be named from here: Place refuses it.
			if err := Place(to, pid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
	return fmt.Errorf("move processes of cgroup %q: new ones appear all the time", from)
}

// Place moves a process with all its threads into the cgroup dir.
func Place(dir string, pid int) error {
	if pid <= 0 {
		return fmt.Errorf("move process %d to cgroup %q: not a pid", pid, dir)
	}
	if err := writeFile(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid)); err != nil {
		return fmt.Errorf("move process %d to cgroup %q: %w", pid, dir, err)
	}
	return nil
}

// PlaceMonitor moves a container's monitor into a cgroup of its own beside the containers', so that neither the end of the session
// that started it nor the container's memory limit ends it, and so that everything it leaves behind can be found and killed. It
// returns that directory. It does nothing and returns "" unless the manager is Cgroupfs; see ScopeForPID for Systemd.
func (s Setup) PlaceMonitor(id string, pid int) (string, error) {
	if s.Manager != Cgroupfs {
		return "", nil
	}
	path, err := s.CgroupsPath(id, "")
	if err != nil {
		return "", err
	}
	dir := s.Dir(filepath.Join(filepath.Dir(path), "monitor-"+id))
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("make cgroup of the monitor of %q: %w", id, err)
	}
	return dir, Place(dir, pid)
}

// Processes gives the pids of all processes in the cgroup dir and below, in no order.
func Processes(dir string) ([]int, error) {
	var pids []int
	err := walk(dir, func(dir string) error {
		here, err := readPIDs(filepath.Join(dir, "cgroup.procs"))
		if gone(err) || errors.Is(err, unix.EOPNOTSUPP) { // a threaded cgroup lists its processes at its domain
			return nil
		}
		pids = append(pids, here...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list processes of cgroup %q: %w", dir, err)
	}
	return pids, nil
}

// Freeze stops all processes in the cgroup and below, and returns when they stand still or ctx is done.
func Freeze(ctx context.Context, dir string) error { return setFrozen(ctx, dir, true) }

// Thaw lets them go on.
func Thaw(ctx context.Context, dir string) error { return setFrozen(ctx, dir, false) }

func setFrozen(ctx context.Context, dir string, frozen bool) error {
	verb, value := "thaw", "0"
	if frozen {
		verb, value = "freeze", "1"
	}
	if err := writeFile(filepath.Join(dir, "cgroup.freeze"), value); err != nil {
		return fmt.Errorf("%s cgroup %q: %w", verb, dir, err)
	}
	if err := waitEvent(ctx, dir, "frozen", value); err != nil {
		return fmt.Errorf("%s cgroup %q: %w", verb, dir, err)
	}
	return nil
}

// Frozen reports whether all processes of the cgroup stand still by Freeze.
func Frozen(dir string) (bool, error) {
	value, err := event(dir, "frozen")
	return value == "1", err
}

// Kill sends SIGKILL to all processes in the cgroup and below at once, also to frozen ones, and returns when none is left. A cgroup that
// does not exist has none.
func Kill(ctx context.Context, dir string) error {
	err := writeFile(filepath.Join(dir, "cgroup.kill"), "1")
	if errors.Is(err, os.ErrNotExist) {
		if _, statErr := os.Stat(dir); errors.Is(statErr, os.ErrNotExist) {
			return nil
		}
		err = killEach(dir) // a kernel before 5.14
	}
	if err == nil {
		err = waitEvent(ctx, dir, "populated", "0")
	}
	if err != nil && !gone(err) {
		return fmt.Errorf("kill processes of cgroup %q: %w", dir, err)
	}
	return nil
}

// killEach freezes first, so that no process can leave children behind while the list is worked off.
func killEach(dir string) error {
	if err := writeFile(filepath.Join(dir, "cgroup.freeze"), "1"); err != nil {
		return err
	}
	pids, err := Processes(dir)
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return writeFile(filepath.Join(dir, "cgroup.freeze"), "0")
}

// Remove removes the cgroup dir with all cgroups below it. Its processes must have ended; since the kernel still counts them for a
// moment, it tries until ctx is done. A cgroup that does not exist is removed.
func Remove(ctx context.Context, dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); err != nil {
		return fmt.Errorf("remove cgroup %q: it is none: %w", dir, err)
	}
	for {
		err := walk(dir, func(dir string) error {
			if err := unix.Rmdir(dir); err != nil && !gone(err) {
				return err
			}
			return nil
		})
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("remove cgroup %q: %w", dir, err)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("remove cgroup %q: %w (%w)", dir, err, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

// walk calls visit for each cgroup below dir and then for dir itself, the deepest first.
func walk(dir string, visit func(dir string) error) error {
	entries, err := os.ReadDir(dir)
	if gone(err) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.IsDir() {
			if err := walk(filepath.Join(dir, e.Name()), visit); err != nil {
				return err
			}
		}
	}
	return visit(dir)
}

// gone: ENODEV is what the kernel says about files of a cgroup that was removed while they were open.
func gone(err error) bool { return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) }

// event reads one value of cgroup.events.
func event(dir, key string) (string, error) {
	words, err := readWords(filepath.Join(dir, "cgroup.events"))
	if err != nil {
		return "", err
	}
	for i := 0; i+1 < len(words); i += 2 {
		if words[i] == key {
			return words[i+1], nil
		}
	}
	return "", fmt.Errorf("cgroup.events has no %q", key)
}

// waitEvent waits until a value of cgroup.events is as wanted. The kernel tells a change by POLLPRI; the time limit of each wait
// is for ctx.
func waitEvent(ctx context.Context, dir, key, want string) error {
	fd, err := unix.Open(filepath.Join(dir, "cgroup.events"), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	b := make([]byte, 256)
	for {
		n, err := unix.Pread(fd, b, 0)
		if err != nil {
			return err
		}
		if strings.Contains("\n"+string(b[:n]), "\n"+key+" "+want+"\n") {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		const milliseconds = 50
		if _, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLPRI}}, milliseconds); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func readPIDs(path string) ([]int, error) {
	words, err := readWords(path)
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(words))
	for _, w := range words {
		pid, err := strconv.Atoi(w)
		if err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, nil
}

// writeFile writes to a file of the kernel, which takes each write as a whole; it never makes one.
func writeFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
