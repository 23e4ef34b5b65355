package process

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// child starts a process that waits for its standard input to end.
func child(t *testing.T) (*exec.Cmd, Identity) {
	t.Helper()
	cmd := exec.Command("cat")
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	id, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return cmd, id
}

func TestIdentityOfALivingProcess(t *testing.T) {
	id, err := Identify(os.Getpid())
	if err != nil || id.PID != os.Getpid() || id.Start == 0 || id.Boot == "" {
		t.Fatalf("%+v, %v", id, err)
	}
	if !id.Alive() {
		t.Error("this process is said to have ended")
	}
	if err := id.Signal(0); err != nil {
		t.Errorf("signal 0: %v", err)
	}
}

func TestAnotherProcessWithTheSamePID(t *testing.T) {
	_, id := child(t)
	for name, other := range map[string]Identity{
		"started at another time": {id.PID, id.Start + 1, id.Boot},
		"of another boot":         {id.PID, id.Start, "00000000-0000-0000-0000-000000000000"},
		"nobody":                  {},
		"pid -1":                  {-1, id.Start, id.Boot},
	} {
		t.Run(name, func(t *testing.T) {
			if other.Alive() {
				t.Error("it is said to live")
			}
			if err := other.Signal(unix.SIGKILL); !errors.Is(err, ErrGone) {
				t.Errorf("signal: %v", err)
			}
		})
	}
	if !id.Alive() {
		t.Error("the process that was not meant is dead")
	}
}

func TestAnEndedProcess(t *testing.T) {
	cmd, id := child(t)
	fd, err := id.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("the pidfd is inherited by children: flags %#x, %v", flags, err)
	}
	if err := id.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Readable means ended; nobody has reaped it yet.
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10000)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n != 1 || err != nil {
			t.Fatalf("it does not end: %d, %v", n, err)
		}
		break
	}
	if id.Alive() {
		t.Error("a zombie is said to live")
	}
	cmd.Wait()
	if err := id.Signal(unix.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("signal: %v", err)
	}
	if _, err := id.Open(); !errors.Is(err, ErrGone) {
		t.Errorf("open: %v", err)
	}
	if _, err := Identify(id.PID); !errors.Is(err, ErrGone) {
		t.Errorf("identify: %v", err)
	}
}

// A command name may look like the end of the field it is in.
func TestHostileCommandName(t *testing.T) {
	path := t.TempDir() + "/a) R 1 (b"
	if err := os.Symlink("/bin/cat", path); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path)
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	id, err := Identify(cmd.Process.Pid)
	own, ownErr := Identify(os.Getpid())
	if err != nil || ownErr != nil || id.Start < own.Start {
		t.Errorf("its start %+v is before that of this process %+v: %v, %v", id, own, err, ownErr)
	}
}
