package rootless

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/process"
)

func TestLookupAccount(t *testing.T) {
	path := filepath.Join(t.TempDir(), "passwd")
	text := "root:x:0:0:root:/root:/bin/sh\nshort:x:7\nann:x:1001:1001::/home/ann:/bin/sh\n10010:x:5:5::/x:\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32]account{0: {"root", "/root"}, 1001: {"ann", "/home/ann"}, 5: {"10010", "/x"}, 7: {}, 1002: {}} {
		if got, err := lookupAccount(path, uid); err != nil || got != want {
			t.Errorf("uid %d: got %v, %v; want %v", uid, got, err, want)
		}
	}
	if got, err := lookupAccount(path+".missing", 1); err != nil || got != (account{}) {
		t.Errorf("no file: got %v, %v", got, err)
	}
}

func TestHomeAndNames(t *testing.T) {
	t.Setenv("HOME", "/h")
	if got := homeOf(account{Home: "/p"}); got != "/h" {
		t.Errorf("got %q, want $HOME", got)
	}
	t.Setenv("HOME", "relative")
	if got := homeOf(account{Home: "/p"}); got != "/p" {
		t.Errorf("got %q, want the account's", got)
	}
	t.Setenv("USER", "dora")
	if got := strings.Join(subordinateNames(account{}, 5), " "); got != "5 dora" {
		t.Errorf("without an account: got %q", got)
	}
	if got := strings.Join(subordinateNames(account{Name: "ann"}, 5), " "); got != "5 ann" {
		t.Errorf("with an account: got %q", got)
	}
}

func TestOwnDir(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, err := range []error{
		os.Mkdir(in("there"), 0o755),
		os.Mkdir(in("open"), 0o700), os.Chmod(in("open"), 0o770),
		os.Symlink(in("there"), in("link")),
		os.WriteFile(in("file"), nil, 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"new": "", "there": "", "open": "written to by others", "link": "symbolic link", "file": "not a directory", "no/parent": "no such file",
	} {
		err := ownDir(in(name))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
	if st, err := os.Stat(in("new")); err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode of the new directory: %v, %v", st.Mode(), err)
	}
	if os.Geteuid() != 0 {
		if err := ownDir("/"); err == nil || !strings.Contains(err.Error(), "another user") {
			t.Errorf("root's directory: got %v", err)
		}
	}
}

func TestRuntimeBase(t *testing.T) {
	own := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", own)
	if got := runtimeBase(os.Geteuid(), 987654); got != own {
		t.Errorf("own directory: got %q, want %q", got, own)
	}
	for _, bad := range []string{"", "relative", own + "/missing"} {
		t.Setenv("XDG_RUNTIME_DIR", bad)
		if got := runtimeBase(os.Geteuid(), 987654); got != "/tmp/pod-987654" {
			t.Errorf("XDG_RUNTIME_DIR %q: got %q", bad, got)
		}
	}
	t.Setenv("XDG_RUNTIME_DIR", own)
	if got := runtimeBase(os.Geteuid()+1, 987654); got != "/tmp/pod-987654" {
		t.Errorf("somebody else's directory: got %q", got)
	}
}

func TestDataDir(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/d")
	if got := dataDir("/h"); got != "/d/pod" {
		t.Errorf("got %q", got)
	}
	t.Setenv("XDG_DATA_HOME", "")
	if got := dataDir("/h"); got != "/h/.local/share/pod" {
		t.Errorf("got %q", got)
	}
	if got := dataDir(""); got != "" {
		t.Errorf("without a home: got %q", got)
	}
}

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holder")
	if id, ok := readRecord(path); ok {
		t.Errorf("no file was read as %v", id)
	}
	want := process.Identity{PID: 42, Start: 18446744073709551615, Boot: "a9829d63-6aeb-4bd9-b96e-ac0aadd380a7"}
	if err := writeRecord(path, want); err != nil {
		t.Fatal(err)
	}
	if got, ok := readRecord(path); !ok || got != want {
		t.Errorf("got %v, %v; want %v", got, ok, want)
	}
	for _, bad := range []string{"", "1 2 boot", "0 2 boot", "-5 2 boot", "x 2 boot", "5 x boot", "5 6", "5 6 boot more"} {
		if id, ok := parseRecord([]byte(bad)); ok {
			t.Errorf("%q was read as %v", bad, id)
		}
	}
}

// A living process of ours that is not a holder is not taken for one, even under its true identity.
func TestLiveHolderWantsAHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "holder")
	self, err := process.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := writeRecord(path, self); err != nil {
		t.Fatal(err)
	}
	if id, ok := liveHolder(path, os.Geteuid()); ok {
		t.Errorf("this test was taken for the holder: %v", id)
	}
}

func TestSaidToBeInside(t *testing.T) {
	if gid, ok := saidToBeInside("1001 1002", 1001); !ok || gid != 1002 {
		t.Errorf("got %d, %v", gid, ok)
	}
	for _, bad := range []string{"", "1001", "1002 1002", "x y"} {
		if _, ok := saidToBeInside(bad, 1001); ok {
			t.Errorf("%q was believed", bad)
		}
	}
}

func TestChildEnv(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/d")
	info := Info{Rootless: true, UID: 1001, GID: 1002, RuntimeDir: "/run/user/1001", Home: "/h"}
	want := "_POD_USERNS=1001 1002\n_CONTAINERS_USERNS_CONFIGURED=done\n_CONTAINERS_ROOTLESS_UID=1001\n_CONTAINERS_ROOTLESS_GID=1002\n" +
		"XDG_RUNTIME_DIR=/run/user/1001\nHOME=/h\nXDG_DATA_HOME=/d"
	if got := strings.Join(ChildEnv(info), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := ChildEnv(Info{}); got != nil {
		t.Errorf("for root: got %v", got)
	}
}
