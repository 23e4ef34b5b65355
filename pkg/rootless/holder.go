package rootless

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/process"
)

const (
	maxAttempts = 3                    // starts of the program by itself before it gives up
	lockTimeout = 30 * time.Second     // for another command to finish making the holder
	lockPoll    = 3 * time.Millisecond // between looks at the lock
	stepTimeout = 20 * time.Second     // for one step of a new holder
	namespaces  = "a user namespace"   // as errors call them
	enterAction = "enter the user's namespaces"
)

// goInside makes sure that a holder lives and starts the program again, which then joins it. It returns only an error.
func goInside(ctx context.Context, here location, opts Options) error {
	attempts, _ := strconv.Atoi(os.Getenv(envAttempts))
	switch {
	case !hasConstructor:
		return hint.Wrap(errors.New(enterAction+": this pod was built without C"), "build it with CGO_ENABLED=1")
	case os.Getenv(envNoJoin) != "":
		return hint.Wrap(errors.New(enterAction+": "+envNoJoin+" is set"), "unset "+envNoJoin)
	case here.join.err != 0 && !here.join.stale():
		return joinError(here.join)
	case attempts >= maxAttempts:
		return fmt.Errorf("%s: tried %d times, and each time the process that holds them had ended", enterAction, attempts)
	}
	_, run, err := makeRunDir(int(here.uid), int(here.uid))
	if err != nil {
		return err
	}
	if err := ensureHolder(ctx, run, here, opts); err != nil {
		return err
	}
	return startAgain(attempts + 1)
}

// stale reports that what the record names turned out to be no holder any more.
func (j joinResult) stale() bool {
	return j.step == joinStaleRecord || j.err == unix.ESRCH
}

func joinError(j joinResult) error {
	if j.err == unix.ENOSYS || j.step == joinSetns && j.err == unix.EINVAL {
		return fmt.Errorf("%s: this kernel is too old (5.13 is needed): %w", enterAction, j.err)
	}
	return fmt.Errorf("%s held by process %d: %w", enterAction, j.holder, j.err)
}

// ensureHolder returns when the record names a living holder. Of several commands at once, one makes it.
func ensureHolder(ctx context.Context, run string, here location, opts Options) error {
	record := filepath.Join(run, "holder")
	lock, err := lockUnlessHeld(ctx, run, func() bool {
		_, ok := liveHolder(record, int(here.uid))
		return ok
	})
	if err != nil || lock == nil {
		return err
	}
	defer lock.Close()
	if err := failpoint.Hit("enter.locked"); err != nil {
		return err
	}
	return makeHolder(ctx, record, here, opts)
}

// lockUnlessHeld takes the lock for making a holder, or returns nil as soon as done says there is one.
func lockUnlessHeld(ctx context.Context, run string, done func() bool) (*os.File, error) {
	path := filepath.Join(run, "holder.lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(lockTimeout)
	for !done() {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil && !done() {
			return f, noteOwner(f)
		}
		if err == nil {
			break
		}
		if err != unix.EWOULDBLOCK && err != unix.EINTR {
			f.Close()
			return nil, fmt.Errorf("lock %q: %w", path, err)
		}
		if time.Now().After(deadline) {
			owner, _ := io.ReadAll(io.LimitReader(f, 32))
			f.Close()
			return nil, fmt.Errorf("wait for %q: held by process %s for %s", path, strings.TrimSpace(string(owner)), lockTimeout)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, context.Cause(ctx)
		case <-time.After(lockPoll):
		}
	}
	return nil, f.Close()
}

// noteOwner writes who holds the lock, for the error of those who wait too long.
func noteOwner(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%d\n", os.Getpid()), 0)
	return err
}

// makeHolder goes through the steps of holder.c. Until the last answer the holder ends by itself when this process does.
func makeHolder(ctx context.Context, record string, here location, opts Options) error {
	facts, err := hostFacts(here.uid, here.gid)
	if err != nil {
		return err
	}
	plan, err := planMaps(facts)
	if err != nil {
		return err
	}
	h, err := startHolder(ctx)
	if err != nil {
		return err
	}
	defer h.sock.Close()
	pid, errno, err := h.next('u')
	if err != nil {
		return err
	}
	if errno != 0 {
		return facts.namespaceError("make "+namespaces, errno)
	}
	if err := failpoint.Hit("enter.spawned"); err != nil {
		return err
	}
	if err := plan.apply(ctx, facts, pid); err != nil {
		return err
	}
	if err := failpoint.Hit("enter.mapped"); err != nil {
		return err
	}
	if err := h.record(record, facts); err != nil {
		return err
	}
	if plan.single != "" {
		opts.Warn(plan.single)
	}
	return nil
}

// starting is a holder that still waits for its parent.
type starting struct{ sock *os.File }

func startHolder(ctx context.Context) (starting, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return starting{}, fmt.Errorf("make a socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "holder")
	defer theirs.Close()
	// Only a descriptor that does not block takes a deadline.
	if err := unix.SetNonblock(pair[0], true); err != nil {
		unix.Close(pair[0])
		return starting{}, fmt.Errorf("make a socket pair: %w", err)
	}
	ours := os.NewFile(uintptr(pair[0]), "holder")
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Args = []string{holderName}
	cmd.Env = []string{envHolder + "=3"}
	cmd.Dir = "/"
	cmd.ExtraFiles = []*os.File{theirs}
	// This ends at once: the holder is its child.
	if err := cmd.Run(); err != nil {
		ours.Close()
		return starting{}, fmt.Errorf("start the process that holds %s: %w", namespaces, err)
	}
	return starting{sock: ours}, nil
}

// next waits for the holder's report of a step: struct report in holder.c.
func (h starting) next(step byte) (pid int, errno unix.Errno, err error) {
	var b [12]byte
	if err := h.sock.SetDeadline(time.Now().Add(stepTimeout)); err != nil {
		return 0, 0, err
	}
	if n, err := h.sock.Read(b[:]); err != nil || n != len(b) {
		return 0, 0, fmt.Errorf("wait for the process that holds %s: it ended (%w)", namespaces, errors.Join(err, io.ErrUnexpectedEOF))
	}
	word := func(i int) int { return int(int32(binary.NativeEndian.Uint32(b[4*i:]))) }
	if word(0) != int(step) {
		return 0, 0, fmt.Errorf("wait for the process that holds %s: step %q instead of %q", namespaces, rune(word(0)), step)
	}
	return word(2), unix.Errno(word(1)), nil
}

func (h starting) goOn() error {
	if _, err := h.sock.Write([]byte{1}); err != nil {
		return fmt.Errorf("start the process that holds %s: %w", namespaces, err)
	}
	return nil
}

// record lets the mapped holder finish, names it for all later commands, and lets it go.
func (h starting) record(path string, facts Facts) error {
	if err := h.goOn(); err != nil {
		return err
	}
	pid, errno, err := h.next('r')
	if err != nil {
		return err
	}
	if errno != 0 {
		return facts.namespaceError("change mounts in "+namespaces, errno)
	}
	id, err := process.Identify(pid)
	if err != nil {
		return fmt.Errorf("identify the process that holds %s: %w", namespaces, err)
	}
	if err := writeRecord(path, id); err != nil {
		return fmt.Errorf("record the process that holds %s: %w", namespaces, err)
	}
	if err := failpoint.Hit("enter.recorded"); err != nil {
		return err
	}
	return h.goOn()
}
