package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/netns"
	"golang.org/x/sys/unix"
)

// Settle finishes what was left undone by processes that died: it sweeps, and cleans up the containers of list that have
// ended without their monitor, removing those that were run with --rm. It waits for nobody: what another command is at work
// on is left to that. What cannot be done, as on a read-only file system, is left for the next time.
func (e *Engine) Settle(ctx context.Context, list []Container) {
	e.Sweep(ctx)
	left := map[string]bool{}
	for _, id := range listIDs(filepath.Join(e.RunDir, dirContainers)) {
		left[id] = true
	}
	for _, c := range list {
		ended := c.State.Status == container.StatusExited || c.State.Status == container.StatusCreated
		if !ended || !left[c.Config.ID] && !(c.Config.Remove && c.State.Status == container.StatusExited) {
			continue
		}
		if err := e.settle(ctx, c.Config.ID); err != nil {
			e.Log.Debug("clean-up of an ended container", "id", c.Config.ID, "error", err)
		}
	}
}

func (e *Engine) settle(ctx context.Context, id string) error {
	lock, err := filelock.Try(filepath.Join(e.Dir(id), lockFile))
	if err != nil {
		return err
	}
	defer lock.Release()
	// A monitor that still runs does this itself.
	if held, _, err := monitor.Locked(filepath.Join(e.ContainerRunDir(id), lockFile)); held || err != nil {
		return err
	}
	c, err := e.load(id)
	if err != nil {
		return err
	}
	if c.State.Status != container.StatusExited && c.State.Status != container.StatusCreated {
		return nil
	}
	return e.cleanupLocked(ctx, c)
}

// endLeftovers ends what the children of a killed monitor still do for the container id: a runtime amid its work, which
// would make a container that nobody knows of, and network helpers. While a monitor runs they are its own.
func (e *Engine) endLeftovers(ctx context.Context, id string) error {
	runDir := e.ContainerRunDir(id)
	if !exists(runDir) {
		return nil
	}
	if held, _, err := monitor.Locked(filepath.Join(runDir, lockFile)); err == nil && held {
		return nil
	}
	helpers, err := netns.FindHelpers(filepath.Join(runDir, "netns"))
	if err != nil {
		return fmt.Errorf("look for processes that were left behind: %w", err)
	}
	runtimes, err := e.findRuntimes(id)
	if err != nil {
		return fmt.Errorf("look for processes that were left behind: %w", err)
	}
	for _, left := range append(runtimes, helpers...) {
		if err := endProcess(ctx, left); err != nil {
			return fmt.Errorf("end process %d, which was left behind: %w", left.PID, err)
		}
	}
	return nil
}

// findRuntimes gives the processes of the OCI runtime that work on the container id: its whole id is an argument of theirs.
func (e *Engine) findRuntimes(id string) ([]process.Identity, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []process.Identity
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err != nil || !isRuntime(line, e.Runtime.Name(), id) {
			continue
		}
		// Read again after the identity is known, the command line belongs to exactly that process.
		who, err := process.Identify(pid)
		if err != nil {
			continue
		}
		line, err = os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err == nil && isRuntime(line, e.Runtime.Name(), id) && who.Alive() {
			found = append(found, who)
		}
	}
	return found, nil
}

// isRuntime reads the text of /proc/PID/cmdline.
func isRuntime(cmdline []byte, name, id string) bool {
	args := bytes.Split(bytes.TrimSuffix(cmdline, []byte{0}), []byte{0})
	if filepath.Base(string(args[0])) != name {
		return false
	}
	for _, arg := range args[1:] {
		if string(arg) == id {
			return true
		}
	}
	return false
}

// dropCgroup removes the cgroup of a container that has ended. The runtime does so, unless its state was lost with the run
// directory. It is not waited for: an empty cgroup costs nothing.
func (e *Engine) dropCgroup(ctx context.Context, cfg *container.Config) {
	if e.Cgroup.Manager != cgroup.Cgroupfs {
		return
	}
	path, err := e.Cgroup.CgroupsPath(cfg.ID, cfg.Resources.CgroupParent)
	if err != nil || !exists(e.Cgroup.Dir(path)) {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := cgroup.Remove(bounded, e.Cgroup.Dir(path)); err != nil {
		e.Log.Debug("cgroup of a removed container", "id", cfg.ID, "error", err)
	}
}

// endProcess kills exactly this process and returns when it has ended.
func endProcess(ctx context.Context, who process.Identity) error {
	fd, err := who.Open()
	if errors.Is(err, process.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return err
	}
	ended, err := waitProcess(ctx, fd, failpoint.Patience(killPatience))
	if err == nil && !ended {
		err = fmt.Errorf("it did not end within %s of SIGKILL", killPatience)
	}
	return err
}

// Sweep finishes creations and removals whose command died. It is called by every command that changes something;
// with nothing to do it costs two directory reads. An engine does it once. What cannot be finished now is left for the next time.
func (e *Engine) Sweep(ctx context.Context) {
	e.swept.Do(func() { e.sweep(ctx) })
}

func (e *Engine) sweep(ctx context.Context) {
	e.mendNetwork(ctx)
	for _, id := range listIDs(filepath.Join(e.DataDir, dirCreating)) {
		e.sweepCreating(ctx, id)
	}
	for _, id := range listIDs(filepath.Join(e.DataDir, dirRemoving)) {
		e.sweepRemoving(ctx, id)
	}
}

func (e *Engine) sweepCreating(ctx context.Context, id string) {
	dir := e.creatingDir(id)
	lock, err := filelock.Try(filepath.Join(dir, "lock"))
	if err == nil {
		lock.Release()
	} else if !errors.Is(err, os.ErrNotExist) {
		return
	}
	// Its maker has died, perhaps before there was a lock, unless it is about to lock it.
	guard, err := filelock.Claim(e.creatingLock(), "sweep")
	if err != nil {
		return
	}
	defer guard.Release()
	lock, err = filelock.Claim(filepath.Join(dir, "lock"), "sweep")
	if err != nil {
		return
	}
	defer lock.Release()
	if exists(e.Dir(id)) {
		return
	}
	e.dropNamesAndLeases(ctx, id)
	if err := removeTree(dir); err != nil {
		e.Log.Debug("sweep of an unfinished container", "id", id, "error", err)
	}
}

func (e *Engine) sweepRemoving(ctx context.Context, id string) {
	lock, err := filelock.Try(filepath.Join(e.removingDir(id), "lock"))
	if err == nil {
		defer lock.Release()
	} else if errors.Is(err, filelock.ErrHeld) {
		return
	}
	cfg, err := readConfig(e.removingDir(id), id)
	if err == nil {
		if rec, err := readRecord(e.removingDir(id)); err == nil && rec.Name != "" {
			cfg.Name = rec.Name
		}
		err = e.finishRemoval(ctx, cfg)
	} else {
		e.dropNamesAndLeases(ctx, id)
		err = removeTree(e.removingDir(id))
	}
	if err != nil {
		e.Log.Debug("sweep of a half removed container", "id", id, "error", err)
	}
}

// dropNamesAndLeases frees all that points to id, for a container that has no readable configuration to say what
// that is.
func (e *Engine) dropNamesAndLeases(ctx context.Context, id string) {
	names, _ := os.ReadDir(filepath.Join(e.DataDir, dirNames))
	for _, name := range names {
		e.releaseName(ctx, name.Name(), id)
	}
	leases, _ := os.ReadDir(filepath.Join(e.DataDir, dirLeases))
	for _, lease := range leases {
		e.dropImage(lease.Name(), id)
	}
}

func listIDs(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var ids []string
	for _, entry := range entries {
		if isID(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	return ids
}
