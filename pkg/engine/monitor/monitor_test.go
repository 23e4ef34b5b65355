package monitor

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func full() *Launch {
	return &Launch{
		ID: "id", Name: "näme", Serial: 1 << 63, Runtime: "/usr/bin/crun", RuntimeArgs: []string{"--root", "/a b\n=c"},
		Env: []string{"A=b=c", "EMPTY="}, TwoStep: true, Idle: true, CgroupRoot: "/sys", MemoryLimit: true, RootFD: 5, RootPath: "/m", ShmFD: 8, ShmPath: "/s", NetnsPath: "/n",
		NetnsFD: 10, NetworkCommand: []string{"pasta", "", "x"}, Terminal: true, Stdin: true, StdinOnce: true, ClientFD: 6,
		StdioFDs: [3]int{7, -1, 9}, LogDriver: "json-file", LogPath: "/l", LogTag: "t", LogMaxSize: 1 << 40, LogMaxFile: 3,
		ExitFile: "/e", Durable: true, PIDFile: "/p", RestartPolicy: "always", RestartMax: 4, MaxRun: 5, StopSignal: 15,
		StopTimeout: 10, EventsFile: "/ev", EventPrefix: `{"a":1,`, Cleanup: []string{"pod", "container", "cleanup", "id"},
	}
}

func TestLaunchRoundTrip(t *testing.T) {
	for _, l := range []*Launch{full(), NewLaunch()} {
		data, err := l.Encode()
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeLaunch(data)
		if err != nil || !reflect.DeepEqual(l, back) {
			t.Errorf("got %+v, %v", back, err)
		}
	}
}

// Every field of Launch is carried: none can be added and forgotten.
func TestLaunchHasNoForgottenField(t *testing.T) {
	v := reflect.ValueOf(full()).Elem()
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test does not set Launch.%s", v.Type().Field(i).Name)
		}
	}
}

func TestLaunchIsStrict(t *testing.T) {
	good, _ := full().Encode()
	for name, test := range map[string]struct{ data, want string }{
		"unknown key": {string(good) + "colour=red\x00", `unknown key "colour"`},
		"twice":       {string(good) + "id=x\x00", `key "id" is there twice`},
		"missing":     {strings.Replace(string(good), "terminal=true\x00", "", 1), `key "terminal" is missing`},
		"no value":    {string(good) + "id\x00", `entry "id" has no value`},
		"cut":         {string(good[:len(good)-1]), "the last entry is not complete"},
		"number":      {strings.Replace(string(good), "root-fd=5", "root-fd=five", 1), `value of root-fd cannot be read: "five"`},
	} {
		if _, err := DecodeLaunch([]byte(test.data)); err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
	}
	if _, err := (&Launch{Name: "a\x00b"}).Encode(); err == nil {
		t.Error("a value with NUL is accepted")
	}
}

func FuzzDecode(f *testing.F) {
	good, _ := full().Encode()
	f.Add(good)
	f.Add([]byte("phase=running\npid=1\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if l, err := DecodeLaunch(data); err == nil {
			again, err := l.Encode()
			if err != nil {
				t.Fatal(err)
			}
			if back, err := DecodeLaunch(again); err != nil || !reflect.DeepEqual(l, back) {
				t.Errorf("%+v became %+v, %v", l, back, err)
			}
		}
		decode(data, new(RunRecord).fields(), '\n', false)
		DecodeMessage(data)
	})
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	run := RunRecord{Phase: PhaseRunning, Serial: 4, PID: 10, Start: 1 << 40, Boot: "b", MonitorPID: 9, Started: at, Restarts: 2}
	path := filepath.Join(dir, "run")
	if err := run.Write(path); err != nil {
		t.Fatal(err)
	}
	if back, err := ReadRunRecord(path); err != nil || back != run {
		t.Errorf("got %+v, %v", back, err)
	}
	for _, durable := range []bool{false, true} {
		exit := ExitRecord{Serial: 4, Code: 137, Started: at, Finished: at.Add(time.Hour), OOM: true, Restarts: 2}
		if err := exit.Write(path, durable); err != nil {
			t.Fatal(err)
		}
		back, err := ReadExitRecord(path)
		if err != nil || back != exit {
			t.Errorf("got %+v, %v", back, err)
		}
		if !back.Ends(run) || back.Ends(RunRecord{Serial: 4, Restarts: 3}) {
			t.Error("the exit record does not know which try it ended")
		}
	}
}

// Whatever lies where a record should be, reading it gives an error at once.
func TestHostileRecords(t *testing.T) {
	dir := t.TempDir()
	good := "serial=4\ncode=1\nstarted=2026-01-02T03:04:05Z\nfinished=2026-01-02T03:04:05Z\noom=false\nrestarts=0\n"
	for name, text := range map[string]string{
		"empty": "", "cut": good[:40], "binary": "\x00\xff\n", "huge": good + strings.Repeat("x=y\n", 2000),
		"no time": strings.Replace(good, "2026-01-02", "2026-13-02", 1),
	} {
		path := filepath.Join(dir, name)
		os.WriteFile(path, []byte(text), 0o600)
		if _, err := ReadExitRecord(path); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	os.WriteFile(filepath.Join(dir, "good"), []byte(good+"newer=key\n"), 0o600)
	if _, err := ReadExitRecord(filepath.Join(dir, "good")); err != nil {
		t.Errorf("a record of a newer version: %v", err)
	}
	os.Symlink("good", filepath.Join(dir, "link"))
	unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600)
	for _, name := range []string{"link", "fifo", "."} {
		if _, err := ReadExitRecord(filepath.Join(dir, name)); err == nil {
			t.Errorf("%q is accepted", name)
		}
	}
	if _, err := ReadExitRecord(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing record gives %v", err)
	}
}

// The lock follows the open file into another process, asking about it takes nothing, and it ends with its holder.
func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	if held, _, err := Locked(path); held || err != nil {
		t.Errorf("a missing lock: held=%v, %v", held, err)
	}
	lock, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	lock.WriteString("4711\n")
	holder := exec.Command("cat")
	holder.ExtraFiles = []*os.File{lock}
	stdin, _ := holder.StdinPipe()
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	lock.Close()
	if held, pid, err := Locked(path); !held || pid != 4711 || err != nil {
		t.Errorf("held=%v pid=%d, %v", held, pid, err)
	}
	if _, err := Lock(path); !errors.Is(err, ErrLocked) {
		t.Errorf("a second lock gave %v", err)
	}
	stdin.Close()
	holder.Wait()
	if held, _, err := Locked(path); held || err != nil {
		t.Errorf("after its end: held=%v, %v", held, err)
	}
	again, err := Lock(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestMessages(t *testing.T) {
	for _, m := range []Message{
		{Verb: Created, PID: 3},
		{Verb: Running, PID: 4},
		{Verb: Failed, Kind: KindNotFound, Text: "a b  c"},
		{Verb: Exited, Code: 255},
		{Verb: Released},
		{Verb: Go},
		{Verb: Bye},
	} {
		if back, err := DecodeMessage(m.Encode()); err != nil || back != m {
			t.Errorf("%+v became %+v, %v", m, back, err)
		}
	}
	for _, text := range []string{"", "running", "running x", "hello", "exit "} {
		if m, err := DecodeMessage([]byte(text)); err == nil {
			t.Errorf("%q is read as %+v", text, m)
		}
	}
	long := Message{Verb: Failed, Kind: KindRuntime, Text: strings.Repeat("x", 10000)}
	if n := len(long.Encode()); n > MaxMessage {
		t.Errorf("a message has %d bytes", n)
	}
}

func TestFrames(t *testing.T) {
	b := AppendFrame(nil, FrameResize, Size{40, 132}.Append(nil))
	kind, length, err := ParseHeader([FrameHeader]byte(b))
	size, ok := ParseSize(b[FrameHeader:])
	if kind != FrameResize || length != 4 || err != nil || !ok || size != (Size{40, 132}) {
		t.Errorf("got %c %d %v %v", kind, length, size, err)
	}
	if _, _, err := ParseHeader([FrameHeader]byte{'I', 0, 1, 0, 1}); err == nil {
		t.Error("a frame that is too long is accepted")
	}
}
