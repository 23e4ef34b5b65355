package rootless

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/process"
)

// envChild makes the test binary play the part of pod: it enters and says where it is.
const envChild = "POD_ROOTLESS_TEST_CHILD"

// report is what such a child prints.
type report struct {
	Info
	Err, Hint string
	EUID      int
	Cwd       string
	Namespace string
	Warnings  []string
	Attempts  string // how often the program had started itself again
	Env       string // _CONTAINERS_USERNS_CONFIGURED after Enter
}

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(envChild) == "wait": // something alive that is no holder
		os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	case os.Getenv(envChild) != "":
		os.Exit(child())
	}
	os.Unsetenv(envNoJoin)
	os.Exit(m.Run())
}

func child() int {
	r := report{Attempts: os.Getenv(envAttempts)}
	info, err := Enter(context.Background(), Options{Warn: func(s string) { r.Warnings = append(r.Warnings, s) }})
	r.Info, r.EUID, r.Hint = info, os.Geteuid(), hint.Of(err)
	if err != nil {
		r.Err = err.Error()
	}
	r.Cwd, _ = os.Getwd()
	r.Namespace, _ = os.Readlink("/proc/self/ns/user")
	r.Env = os.Getenv("_CONTAINERS_USERNS_CONFIGURED")
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return 1
	}
	return 0
}

// user is a user with empty home and runtime directories of his own.
type user struct {
	t          *testing.T
	home, base string
	env        []string
}

func newUser(t *testing.T) *user {
	t.Helper()
	needUser(t)
	u := &user{t: t, home: t.TempDir(), base: t.TempDir()}
	u.env = append(cleanEnv(), "HOME="+u.home, "XDG_RUNTIME_DIR="+u.base)
	t.Cleanup(func() {
		if id, ok := liveHolder(u.record(), os.Geteuid()); ok {
			id.Signal(unix.SIGKILL)
			eventually(t, "the holder has ended", func() bool { return !id.Alive() })
		}
	})
	return u
}

// needUser skips, saying why, where no user namespace with ranges can be had.
func needUser(t *testing.T) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("needs an ordinary user with subordinate ids; this is root")
	}
	if !hasConstructor {
		t.Skip("needs a test binary built with CGO_ENABLED=1")
	}
	facts, err := HostFacts("")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range []Finding{facts.checkMapTool("newuidmap"), facts.checkMapTool("newgidmap"), facts.checkRanges(subUID), facts.checkRanges(subGID),
		facts.checkNewPrivileges(), facts.checkUserNamespaces(facts.Probe(t.Context(), t.TempDir(), t.TempDir()))} {
		if f.Status == Failure {
			t.Skipf("needs %s: %s; fix: %s", f.Check, f.Text, f.Fix)
		}
	}
}

func cleanEnv() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		for _, name := range []string{"HOME", "XDG_", "_POD", "POD_NO_JOIN", "_CONTAINERS_"} {
			if strings.HasPrefix(v, name) {
				return true
			}
		}
		return false
	})
}

func (u *user) record() string { return filepath.Join(u.base, "pod/holder") }

func (u *user) command(env ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(append(slices.Clone(u.env), envChild+"=enter"), env...)
	cmd.Dir = u.home
	return cmd
}

func run(t *testing.T, cmd *exec.Cmd) report {
	t.Helper()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var r report
	if err == nil {
		err = json.Unmarshal(out, &r)
	}
	if err != nil {
		t.Fatalf("child: %v\n%s%s", err, out, stderr.String())
	}
	return r
}

// enter runs a child that must get inside.
func (u *user) enter(env ...string) report {
	u.t.Helper()
	r := run(u.t, u.command(env...))
	if r.Err != "" {
		u.t.Fatalf("Enter: %s (hint: %s)", r.Err, r.Hint)
	}
	if r.EUID != 0 || !r.Rootless || r.HolderPID == 0 {
		u.t.Fatalf("not inside: %+v", r)
	}
	return r
}

func TestEnterTwice(t *testing.T) {
	u := newUser(t)
	first := u.enter()
	if first.Attempts != "1" {
		t.Errorf("the first command started itself again %q times, want 1", first.Attempts)
	}
	second := u.enter()
	if second.Attempts != "" {
		t.Errorf("the second command was not inside from the beginning: %q starts", second.Attempts)
	}
	if first.HolderPID != second.HolderPID || first.Namespace != second.Namespace {
		t.Errorf("two holders: %d %s and %d %s", first.HolderPID, first.Namespace, second.HolderPID, second.Namespace)
	}
	if second.Cwd != u.home {
		t.Errorf("working directory %q, want %q", second.Cwd, u.home)
	}
	if second.UID != os.Getuid() || second.GID != os.Getgid() || second.Home != u.home {
		t.Errorf("who: %+v", second.Info)
	}
	if second.SingleID || size(second.UIDMap) < 2 || size(second.GIDMap) < 2 || second.UIDMap[0].HostID != uint32(os.Getuid()) {
		t.Errorf("maps: %v %v", second.UIDMap, second.GIDMap)
	}
	if second.RunDir != u.base+"/pod" || second.DataDir != u.home+"/.local/share/pod" || second.Env != "done" {
		t.Errorf("places: %+v", second)
	}
	for _, dir := range []string{second.RunDir, second.DataDir} {
		if st, err := os.Stat(dir); err != nil || st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", dir, st, err)
		}
	}
}

func TestKilledHolderIsReplaced(t *testing.T) {
	u := newUser(t)
	first := u.enter()
	id, ok := readRecord(u.record())
	if !ok || id.PID != first.HolderPID {
		t.Fatalf("the record names %v, want %d", id, first.HolderPID)
	}
	if err := id.Signal(unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the holder has ended", func() bool { return !id.Alive() })
	second := u.enter()
	if second.HolderPID == first.HolderPID || second.Namespace == first.Namespace {
		t.Errorf("still the killed one: %d", second.HolderPID)
	}
	if len(second.Warnings) != 0 {
		t.Errorf("not silent: %q", second.Warnings)
	}
}

// A record may name a living process that is not the holder: its pid was used again, or the file is from elsewhere.
func TestRecordOfAnotherProcess(t *testing.T) {
	other := exec.Command("/proc/self/exe")
	other.Env = append(cleanEnv(), envChild+"=wait")
	stdin, err := other.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer other.Wait()
	defer stdin.Close()
	id, err := process.Identify(other.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"start time of the holder": fmt.Sprintf("%d %d %s\n", id.PID, id.Start-1, id.Boot),
		"its own start time":       fmt.Sprintf("%d %d %s\n", id.PID, id.Start, id.Boot),
		"another boot":             fmt.Sprintf("%d %d %s\n", id.PID, id.Start, "00000000-0000-0000-0000-000000000000"),
		"process of root":          fmt.Sprintf("2 0 %s\n", id.Boot),
		"nonsense":                 "\x00\xff holder\n",
		"empty":                    "",
	} {
		t.Run(name, func(t *testing.T) {
			u := newUser(t)
			if err := os.Mkdir(filepath.Dir(u.record()), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(u.record(), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := u.enter(); r.HolderPID == id.PID || r.Attempts != "1" || len(r.Warnings) != 0 {
				t.Errorf("got %+v", r)
			}
			if !id.Alive() {
				t.Error("the other process was harmed")
			}
		})
	}
}

func TestManyFirstCommandsMakeOneHolder(t *testing.T) {
	u := newUser(t)
	before := holders(t)
	reports := make([]report, 64)
	var wg sync.WaitGroup
	for i := range reports {
		wg.Go(func() { reports[i] = run(t, u.command()) })
	}
	wg.Wait()
	for _, r := range reports {
		if r.Err != "" || r.HolderPID != reports[0].HolderPID || r.Namespace != reports[0].Namespace {
			t.Errorf("got holder %d in %s (%s), want %d in %s", r.HolderPID, r.Namespace, r.Err, reports[0].HolderPID, reports[0].Namespace)
		}
	}
	if made := len(holders(t)) - len(before); made != 1 {
		t.Errorf("%d holders were made", made)
	}
}

// holders are the living holders of this user, of all runtime directories.
func holders(t *testing.T) []int {
	t.Helper()
	comms, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, path := range comms {
		b, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(b)) != holderName {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			t.Fatal(err)
		}
		var st unix.Stat_t
		_, gone := process.Identify(pid) // also a zombie, which init has not reaped yet
		if gone == nil && unix.Stat(filepath.Dir(path), &st) == nil && int(st.Uid) == os.Getuid() {
			pids = append(pids, pid)
		}
	}
	return pids
}

func TestSingleID(t *testing.T) {
	u := newUser(t)
	r := u.enter("PATH=" + t.TempDir())
	if !r.SingleID || size(r.UIDMap) != 1 || size(r.GIDMap) != 1 {
		t.Errorf("maps: %v %v", r.UIDMap, r.GIDMap)
	}
	second := u.enter()
	if !second.SingleID || second.HolderPID != r.HolderPID || len(second.Warnings) != 0 {
		t.Errorf("the second command: %+v", second)
	}
}

func TestSingleIDWarning(t *testing.T) {
	f := testFacts(t, map[string]string{"/etc/subuid": "", "/etc/subgid": "", "/etc/os-release": "ID=debian\n"})
	plan, err := planMaps(f)
	if err != nil || !strings.Contains(plan.single, "only user id 1001") || !strings.Contains(plan.single, "usermod --add-subuids") {
		t.Errorf("no ranges: got %q, %v", plan.single, err)
	}
	f.Tool = func(name string) (Tool, error) { return Tool{}, exec.ErrNotFound }
	plan, err = planMaps(f)
	if err != nil || !strings.Contains(plan.single, `"newuidmap" is not installed`) || !strings.Contains(plan.single, "apt install uidmap") {
		t.Errorf("no tool: got %q, %v", plan.single, err)
	}
	bad := testFacts(t, map[string]string{"/etc/subuid": "ann:100000:10\nann:100005:10\n", "/etc/subgid": "ann:100000:10\n"})
	if _, err := planMaps(bad); err == nil || !strings.Contains(err.Error(), "overlap") || hint.Of(err) == "" {
		t.Errorf("overlap: got %v", err)
	}
}

// The C and the Go side must look for the record in the same place: the second command is then inside from the beginning.
func TestBothSidesUseTheSameDirectory(t *testing.T) {
	u := newUser(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(u.base, link); err != nil {
		t.Fatal(err)
	}
	for name, xdg := range map[string]string{"directory": u.base, "symbolic link": link} {
		t.Run(name, func(t *testing.T) {
			u.enter("XDG_RUNTIME_DIR=" + xdg)
			if r := u.enter("XDG_RUNTIME_DIR=" + xdg); r.Attempts != "" || r.RuntimeDir != xdg {
				t.Errorf("started again %q times, base %q", r.Attempts, r.RuntimeDir)
			}
		})
	}
}

func TestRefusedToJoin(t *testing.T) {
	u := newUser(t)
	if r := run(t, u.command(envNoJoin+"=1")); !strings.Contains(r.Err, envNoJoin) || r.Hint == "" {
		t.Errorf("got %q, hint %q", r.Err, r.Hint)
	}
	if r := run(t, u.command(envAttempts+"=3")); !strings.Contains(r.Err, "tried 3 times") {
		t.Errorf("got %q", r.Err)
	}
	if r := run(t, u.command("HOME=", "XDG_DATA_HOME="+u.home)); r.Err != "" {
		t.Errorf("no $HOME: %s", r.Err)
	}
}

func TestRemovedWorkingDirectory(t *testing.T) {
	u := newUser(t)
	u.enter()
	dir := filepath.Join(u.home, "removed")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", `rmdir "$PWD" && exec "$0"`, executable())
	cmd.Env, cmd.Dir = append(slices.Clone(u.env), envChild+"=enter"), dir
	if r := run(t, cmd); r.Err != "" || r.EUID != 0 {
		t.Errorf("got %+v", r)
	}
}

func TestForeignNamespace(t *testing.T) {
	u := newUser(t)
	cmd := u.command()
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	r := run(t, cmd)
	if r.Err != "" || !r.Rootless || !r.SingleID || r.UID != os.Getuid() || r.GID != os.Getgid() || r.Attempts != "1" {
		t.Errorf("got %+v", r)
	}
	if r.DataDir != u.home+"/.local/share/pod" || r.RunDir != u.base+"/pod" {
		t.Errorf("places: %+v", r.Info)
	}
}

// eventually waits for a state that another process brings about.
func eventually(t *testing.T, what string, reached func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !reached(); {
		if time.Now().After(deadline) {
			t.Fatalf("not reached in 10 s: %s", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

func TestHolderNeedsNothing(t *testing.T) {
	u := newUser(t)
	r := u.enter()
	proc := fmt.Sprintf("/proc/%d", r.HolderPID)
	eventually(t, "the holder has no files open", func() bool {
		open, err := os.ReadDir(proc + "/fd")
		return err == nil && len(open) == 0
	})
	if cwd, err := os.Readlink(proc + "/cwd"); err != nil || cwd != "/" {
		t.Errorf("working directory %q, %v", cwd, err)
	}
	if err := unix.Kill(r.HolderPID, unix.SIGINT); err != nil {
		t.Fatal(err)
	}
	if again := u.enter(); again.HolderPID != r.HolderPID {
		t.Error("SIGINT ended the holder")
	}
	id, ok := readRecord(u.record())
	if !ok || unix.Kill(r.HolderPID, unix.SIGTERM) != nil {
		t.Fatal("cannot send SIGTERM")
	}
	eventually(t, "SIGTERM ends the holder", func() bool { return !id.Alive() })
}
