package main

import (
	"os"
	"runtime"
	"strconv"

	"github.com/pod-engine/pod/internal/failpoint"
	"golang.org/x/sys/unix"
)

// mount attaches the container's root. The monitor was started in a mount namespace of its own; mounts of the host still
// come in, none goes out.
func (s *supervisor) mount() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return wrap("separate the monitor's mounts", err)
	}
	if s.launch.RootFD >= 0 {
		if err := attach("the root file system", s.launch.RootFD, s.launch.RootPath); err != nil {
			return err
		}
		s.mounted = true
	}
	if s.launch.ShmFD >= 0 {
		if err := attach("the shared memory of another container", s.launch.ShmFD, s.launch.ShmPath); err != nil {
			return err
		}
	}
	return failpoint.Hit("monitor.mounted")
}

// attach mounts a detached mount at path and closes its descriptor.
func attach(what string, fd int, path string) error {
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, path, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return wrap("mount "+what+" at "+strconv.Quote(path), err)
	}
	return wrap("close the descriptor of "+what, unix.Close(fd))
}

// unmount takes away what mount and network mounted. Lazy unmounting cannot fail for being in use; what is in use ends
// with the processes that use it.
func (s *supervisor) unmount() {
	if s.mounted {
		if err := unix.Unmount(s.launch.RootPath, unix.MNT_DETACH); err != nil {
			report("unmount the root file system: " + err.Error())
		}
		s.mounted = false
	}
	if s.launch.ShmFD >= 0 {
		unix.Unmount(s.launch.ShmPath, unix.MNT_DETACH)
	}
	if s.launch.NetnsPath != "" {
		unix.Unmount(s.launch.NetnsPath, unix.MNT_DETACH)
	}
}

// network makes the network namespace and runs the command that connects it.
func (s *supervisor) network() error {
	if s.launch.NetnsPath == "" {
		return nil
	}
	if err := s.mountNetns(); err != nil {
		return err
	}
	if err := failpoint.Hit("monitor.netns"); err != nil {
		return err
	}
	if len(s.launch.NetworkCommand) > 0 {
		if err := s.connectNetwork(); err != nil {
			return err
		}
	}
	return failpoint.Hit("monitor.network")
}

// mountNetns mounts the network namespace that was handed over, or a new one.
func (s *supervisor) mountNetns() error {
	path, fd := s.launch.NetnsPath, s.launch.NetnsFD
	if fd < 0 {
		done := make(chan error, 1)
		go makeNetns(path, done)
		return <-done
	}
	if err := unix.Mount("/proc/self/fd/"+strconv.Itoa(fd), path, "", unix.MS_BIND, ""); err != nil {
		return wrap("mount the network namespace on "+strconv.Quote(path), err)
	}
	// The mount keeps the namespace; with a descriptor as well it would outlive the unmount.
	return wrap("close the descriptor of the network namespace", unix.Close(fd))
}

// makeNetns mounts a new network namespace on path. It runs on a thread of its own, which ends with it: a thread that has
// changed its namespace must not serve other goroutines.
func makeNetns(path string, done chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// The main thread cannot end, and /proc/self speaks of it. While it is held here, the next one is another.
		inner := make(chan error, 1)
		go makeNetns(path, inner)
		done <- <-inner
		runtime.UnlockOSThread()
		return
	}
	done <- wrap("make a network namespace", enterNetns(path))
}

func enterNetns(path string) error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, lo); err != nil {
		return wrap("bring up its loopback", err)
	}
	err = unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
	return wrap("mount it on "+strconv.Quote(path), err)
}
