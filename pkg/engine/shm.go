package engine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/oci"
	"golang.org/x/sys/unix"
)

// joinShm takes the /dev/shm of the container whose IPC namespace b joins: POSIX shared memory belongs to that file system, not to
// the namespace (shm_overview(7)). Any running container shares its own, since the namespace alone gives as much away.
func (e *Engine) joinShm(b *bundle, host *oci.Host) error {
	id, ok := strings.CutPrefix(b.cfg.Namespace.IPC, "container:")
	if !ok {
		return nil
	}
	other, err := e.load(id)
	if err != nil {
		return err
	}
	if b.shm, err = detachShm(other.State.PID); err != nil {
		return fmt.Errorf("share /dev/shm of container %q: %w", other.Config.Name, err)
	}
	host.Shm = b.path("shm")
	if err := os.Mkdir(host.Shm, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// detachShm gives a copy of the mount that the process pid sees at /dev/shm. Only in the namespace of a mount can a copy of
// it be taken (open_tree(2)), so a thread enters it and ends there.
func detachShm(pid int) (*os.File, error) {
	identity, err := process.Identify(pid)
	if err != nil {
		return nil, err
	}
	namespace, err := os.Open(fmt.Sprintf("/proc/%d/ns/mnt", pid))
	if err != nil {
		return nil, err
	}
	defer namespace.Close()
	if !identity.Alive() {
		return nil, process.ErrGone
	}
	type result struct {
		f   *os.File
		err error
	}
	done := make(chan result)
	go func() {
		// Never unlocked: the thread ends with this function.
		runtime.LockOSThread()
		f, err := shmInThread(int(namespace.Fd()))
		done <- result{f, err}
	}()
	r := <-done
	return r.f, r.err
}

// shmInThread trusts nothing in the container: links are not followed, and what is found must be memory.
func shmInThread(namespace int) (*os.File, error) {
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return nil, err
	}
	if err := unix.Setns(namespace, unix.CLONE_NEWNS); err != nil {
		return nil, fmt.Errorf("enter its mount namespace: %w", err)
	}
	fd, err := unix.Openat2(unix.AT_FDCWD, "/dev/shm", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS})
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	if err := unix.Fstatfs(fd, &fs); err != nil {
		return nil, err
	}
	if fs.Type != unix.TMPFS_MAGIC {
		return nil, errors.New("it is not a tmpfs")
	}
	copied, err := unix.OpenTree(fd, "", unix.AT_EMPTY_PATH|unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("copy the mount: %w", err)
	}
	return os.NewFile(uintptr(copied), "/dev/shm"), nil
}
