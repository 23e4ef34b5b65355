package build

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// repository makes r.git, a bare repository in a directory, with an annotated tag and three commits.
func repository(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Fatal("git is not installed: make test installs it")
	}
	dir := t.TempDir()
	script := `umask 022; export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e
		git init -q -b main w && cd w && mkdir sub && echo 1 >sub/f && echo '#!/bin/sh' >x && chmod 755 x && git add . && git commit -qm one && git tag -a -m t v1
		echo 2 >sub/f && git commit -qam two && git rev-parse HEAD >../between && echo 3 >sub/f && git commit -qam three && git clone -q --bare . ../r.git && cd ../r.git && git update-server-info`
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// TestGitKept keeps .git, in which the tag has its name and the address no password.
func TestGitKept(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(repository(t))))
	defer server.Close()
	a, err := parseAddress(strings.Replace(server.URL, "://", "://user:secret@", 1) + "/r.git?keep-git-dir=1#v1")
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	tree, _, err := (&Builder{}).fetch(t.Context(), a, "", into)
	if err != nil {
		t.Fatal(err)
	}
	tree.Root.Close()
	for _, c := range []struct{ command, want string }{
		{"git describe", "v1"},
		{"git remote get-url origin", strings.Replace(server.URL, "://", "://user:xxxxx@", 1) + "/r.git"},
		{"! grep -r secret .git", ""},
		{"ls .git/FETCH_HEAD .git/logs 2>/dev/null || true", ""},
	} {
		cmd := exec.Command("sh", "-c", c.command)
		cmd.Dir = into
		if out, err := cmd.Output(); err != nil || strings.TrimSpace(string(out)) != c.want {
			t.Errorf("%s: %s, %v, want %s", c.command, out, err, c.want)
		}
	}
}

// TestGit fetches from a server that knows files only, by every kind of name, and without regard to the umask.
func TestGit(t *testing.T) {
	dir := repository(t)
	out, err := os.ReadFile(filepath.Join(dir, "between"))
	if err != nil {
		t.Fatal(err)
	}
	between := strings.TrimSpace(string(out)) // no branch or tag
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	old := unix.Umask(0o077)
	defer unix.Umask(old)
	for ref, want := range map[string]string{"": "3", "#main": "3", "#v1": "1", "#" + between: "2", "#none": "", "#" + strings.Repeat("0", 40): "", "#v1:sub": "1"} {
		a, err := parseAddress(server.URL + "/r.git" + ref)
		if err != nil {
			t.Fatal(err)
		}
		into := t.TempDir()
		tree, _, err := (&Builder{}).fetch(t.Context(), a, "", into)
		if (err != nil) != (want == "") {
			t.Errorf("%q: %v", ref, err)
		}
		if err != nil {
			continue
		}
		tree.Root.Close()
		content, err := os.ReadFile(filepath.Join(into, "sub/f"))
		if got := strings.TrimSpace(string(content)); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", ref, got, err, want)
		}
		for name, mode := range map[string]os.FileMode{"sub": 0o755, "sub/f": 0o644, "x": 0o755} {
			if info, err := os.Stat(filepath.Join(into, name)); err != nil || info.Mode().Perm() != mode {
				t.Errorf("%q: %s: %v, %v, want %o", ref, name, info, err, mode)
			}
		}
	}
}

// TestGitInAHook fetches while variables of git name another repository, as in a hook of that: it is not touched.
func TestGitInAHook(t *testing.T) {
	dir := repository(t)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer server.Close()
	theirs := filepath.Join(dir, "w")
	before, err := exec.Command("git", "-C", theirs, "rev-parse", "--symbolic-full-name", "HEAD").Output()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GIT_DIR", filepath.Join(theirs, ".git"))
	t.Setenv("GIT_WORK_TREE", theirs)
	t.Setenv("GIT_INDEX_FILE", filepath.Join(theirs, ".git/index"))
	t.Setenv("GIT_PREFIX", "")
	a, err := parseAddress(server.URL + "/r.git#v1")
	if err != nil {
		t.Fatal(err)
	}
	into := t.TempDir()
	tree, _, err := (&Builder{}).fetch(t.Context(), a, "", into)
	if err != nil {
		t.Fatal(err)
	}
	tree.Root.Close()
	if content, err := os.ReadFile(filepath.Join(into, "sub/f")); err != nil || string(content) != "1\n" {
		t.Errorf("the file is %q, %v", content, err)
	}
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"} {
		os.Unsetenv(name)
	}
	for _, c := range []struct{ args, want string }{
		{"rev-parse --symbolic-full-name HEAD", string(before)}, {"status --porcelain", ""}, {"tag", "v1\n"}, {"for-each-ref refs/remotes", ""},
	} {
		got, err := exec.Command("git", append([]string{"-C", theirs}, strings.Fields(c.args)...)...).Output()
		if err != nil || string(got) != c.want {
			t.Errorf("the caller's repository, %s: %q, %v, want %q", c.args, got, err, c.want)
		}
	}
}

// TestGitKeptIsTheSame fetches one commit with its .git twice, at other times: a step that copies it is found in the cache.
func TestGitKeptIsTheSame(t *testing.T) {
	server := httptest.NewServer(http.FileServer(http.Dir(repository(t))))
	defer server.Close()
	a, err := parseAddress(server.URL + "/r.git?keep-git-dir=1#v1")
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for range 2 {
		tree, _, err := (&Builder{}).fetch(t.Context(), a, "", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		l, err := tree.List(t.Context(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		content, err := l.Content()
		if err != nil || first != "" && content != first {
			t.Errorf("%s, %v, after %s", content, err, first)
		}
		first = content
		l.Close()
		tree.Root.Close()
	}
}

func TestGitHint(t *testing.T) {
	for message, want := range map[string]string{
		"fatal: could not read Username for 'https://h': terminal prompts disabled\n":  "netrc",
		"fatal: Authentication failed for 'https://h/r.git/'\n":                        "netrc",
		"git@h: Permission denied (publickey).\nfatal: Could not read from remote\n":   "ssh-add",
		"Host key verification failed.\nfatal: Could not read from remote repository.": "known_hosts",
		"fatal: couldn't find remote ref none\n":                                       "a branch",
		"fatal: repository 'https://h/r.git/' not found\n":                             "",
	} {
		if got := gitHint(message); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}
