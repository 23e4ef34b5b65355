package terminal

import (
	"bytes"
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseDetachKeys(t *testing.T) {
	for text, want := range map[string][]byte{
		"": nil, DefaultDetachKeys: {16, 17}, "a": {'a'}, "ctrl-a": {1}, "ctrl-@": {0}, "CTRL-Z,x": {26, 'x'},
		"ctrl-[": {27}, `ctrl-\`: {28}, "ctrl-]": {29}, "ctrl-^": {30}, "ctrl-_": {31}, "-": {'-'}, "A,a": {'A', 'a'},
	} {
		got, err := ParseDetachKeys(text)
		if err != nil || !bytes.Equal(got, want) || (got == nil) != (want == nil) {
			t.Errorf("%q gives %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{",", "a,", "ab", "ctrl-", "ctrl-aa", "ctrl-1", "ctrl a", "alt-a", "ctrl--a", "é", " ", "ctrl-p ,ctrl-q", "\x10", "ctrl-`"} {
		if got, err := ParseDetachKeys(text); err == nil {
			t.Errorf("%q gives %v, want an error", text, got)
		}
	}
}

func TestRawAndBack(t *testing.T) {
	_, tty := openPTY(t)
	before, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if before.Lflag&unix.ECHO == 0 {
		t.Fatal("the terminal does not echo to begin with")
	}
	restore, err := Raw(tty)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if raw.Lflag&(unix.ECHO|unix.ICANON|unix.ISIG) != 0 || raw.Oflag&unix.OPOST != 0 {
		t.Errorf("not raw: %+v", raw)
	}
	for range 2 {
		if err := restore(); err != nil {
			t.Fatal(err)
		}
	}
	after, err := unix.IoctlGetTermios(int(tty.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if *after != *before {
		t.Errorf("after %+v, before %+v", after, before)
	}
}

func TestNoTerminal(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if IsTerminal(f) {
		t.Error("/dev/null is taken for a terminal")
	}
	if _, err := Raw(f); err == nil {
		t.Error("/dev/null went into raw mode")
	}
	if _, err := WindowSize(f); err == nil {
		t.Error("/dev/null has a window")
	}
}

func TestWatchSize(t *testing.T) {
	master, tty := openPTY(t)
	if !IsTerminal(tty) {
		t.Error("a pty is no terminal")
	}
	set := func(rows, columns uint16) {
		if err := unix.IoctlSetWinsize(int(master.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
			t.Fatal(err)
		}
	}
	set(24, 80)
	sizes, stop := WatchSize(tty)
	defer stop()
	expect := func(want Size) {
		t.Helper()
		select {
		case got := <-sizes:
			if got != want {
				t.Errorf("size %v, want %v", got, want)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("no size came, want %v", want)
		}
	}
	expect(Size{24, 80})
	set(50, 132)
	if err := unix.Kill(os.Getpid(), unix.SIGWINCH); err != nil { // the test has no controlling terminal that would send it
		t.Fatal(err)
	}
	expect(Size{50, 132})
	stop()
	if _, open := <-sizes; open {
		t.Error("sizes come after stop")
	}
}

func TestForwarded(t *testing.T) {
	for sig, want := range map[unix.Signal]bool{
		unix.SIGTERM: true, unix.SIGINT: true, unix.SIGHUP: true, unix.SIGQUIT: true, unix.SIGUSR1: true, unix.SIGTSTP: true, unix.SIGCONT: true,
		35: true, 64: true, 32: false, 33: false, unix.SIGCHLD: false, unix.SIGPIPE: false, unix.SIGURG: false, unix.SIGKILL: false, unix.SIGSTOP: false, 0: false, 65: false,
	} {
		if got := Forwarded(sig, true); got != want {
			t.Errorf("%v: %v", sig, got)
		}
	}
	if Forwarded(unix.SIGWINCH, true) || !Forwarded(unix.SIGWINCH, false) {
		t.Error("SIGWINCH is passed on with a terminal, or not without")
	}
}

func TestSignals(t *testing.T) {
	signals, stop := Signals(true)
	for _, sig := range []unix.Signal{unix.SIGTERM, unix.SIGUSR1, unix.SIGHUP} {
		if err := unix.Kill(os.Getpid(), sig); err != nil {
			t.Fatal(err)
		}
		select {
		case got := <-signals:
			if got != sig {
				t.Errorf("got %v, want %v", got, sig)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("%v did not come", sig)
		}
	}
	stop()
	stop()
	if _, open := <-signals; open {
		t.Error("signals come after stop")
	}
}

func openPTY(t *testing.T) (master, tty *os.File) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tty.Close() })
	return master, tty
}
