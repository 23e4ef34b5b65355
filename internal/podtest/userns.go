// Package podtest holds what tests of several packages need: a user namespace to run in, small images, and registries to
// serve them. Nothing of it is linked by a program that is shipped.
package podtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"
)

// stageVar tells a test binary that was started again where it is.
const stageVar = "POD_PODTEST_STAGE"

// Runner is *testing.M.
type Runner interface{ Run() int }

// EnterUserNamespace is the whole TestMain of packages that touch image storage; it gives the exit code:
//
//	func TestMain(m *testing.M) { os.Exit(podtest.EnterUserNamespace(m)) }
//
// For an unprivileged user the test binary is started again as root of a new user and mount namespace with the user's
// subordinate ids, as pod itself works. For root the tests run as they are.
func EnterUserNamespace(m Runner) int {
	// The storage library starts /proc/self/exe under other names to unpack layers.
	if reexec.Init() {
		return 0
	}
	if os.Getuid() == 0 && os.Getenv(stageVar) == "" {
		return m.Run()
	}
	switch os.Getenv(stageVar) {
	case "":
		code, err := enter()
		if err != nil {
			fmt.Fprintf(os.Stderr, "podtest: enter a user namespace: %v\n", err)
			return 1
		}
		return code
	case "wait":
		fmt.Fprintf(os.Stderr, "podtest: start again inside the user namespace: %v\n", execInside())
		return 1
	}
	os.Unsetenv(stageVar)
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fmt.Fprintf(os.Stderr, "podtest: make mounts private: %v\n", err)
		return 1
	}
	return m.Run()
}

// enter starts the child without any mapping, maps its ids from outside, lets it go on, and waits for it.
func enter() (int, error) {
	hold, release, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{hold}
	cmd.Env = append(os.Environ(), stageVar+"=wait", "_CONTAINERS_USERNS_CONFIGURED=done",
		fmt.Sprintf("_CONTAINERS_ROOTLESS_UID=%d", os.Getuid()), fmt.Sprintf("_CONTAINERS_ROOTLESS_GID=%d", os.Getgid()))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	hold.Close()
	if err := mapIDs(cmd.Process.Pid); err != nil {
		return 0, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	release.Close()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// execInside waits until the ids are mapped, and executes the test binary once more: only an execve(2) as uid 0 of the
// namespace gives its capabilities.
func execInside() error {
	if _, err := os.NewFile(3, "hold").Read(make([]byte, 1)); err == nil {
		return errors.New("unexpected data from the parent")
	}
	os.Setenv(stageVar, "inside")
	return syscall.Exec("/proc/self/exe", os.Args, os.Environ())
}

func mapIDs(pid int) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	for _, m := range []struct {
		tool, file string
		id         int
	}{{"newuidmap", "/etc/subuid", os.Getuid()}, {"newgidmap", "/etc/subgid", os.Getgid()}} {
		first, count, err := subordinate(m.file, me)
		if err != nil {
			return err
		}
		out, err := exec.Command(m.tool, strconv.Itoa(pid), "0", strconv.Itoa(m.id), "1", "1", first, count).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", m.tool, err, strings.TrimSpace(string(out)))
		}
	}
	return nil
}

// subordinate gives the first range of ids that the file grants the user.
func subordinate(file string, me *user.User) (first, count string, err error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", "", err
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Split(strings.TrimSpace(line), ":")
		if len(fields) == 3 && (fields[0] == me.Username || fields[0] == me.Uid) {
			return fields[1], fields[2], nil
		}
	}
	return "", "", fmt.Errorf("%s has no range for user %s", file, me.Username)
}
