package rootless

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
	for _, f := range []Finding{
		facts.checkMapTool("newuidmap"), facts.checkMapTool("newgidmap"), facts.checkRanges(subUID), facts.checkRanges(subGID),
		facts.checkNewPrivileges(), facts.checkUserNamespaces(facts.Probe(t.Context(), t.TempDir(), t.TempDir())),
	} {
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
