package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/files"
	"golang.org/x/sys/unix"
)

// fetchGit checks a commit out. The repository is a stranger's: none of its hooks, filters or configured programs run, and no
// protocol but those of a network is spoken, whatever submodules ask for.
func (b *Builder) fetchGit(ctx context.Context, a address, checksum, dir string) (*Context, error) {
	if checksum != "" {
		a.checksum = checksum
	}
	commit, err := checkOut(ctx, a, dir)
	if err != nil {
		return nil, err
	}
	if err := settleGit(ctx, a, dir); err != nil {
		return nil, err
	}
	tree, err := files.Open(dir)
	if err != nil {
		return nil, err
	}
	made := &Context{Tree: tree, Origin: a.origin(commit)}
	if a.subdir == "" {
		return made, nil
	}
	// A link on the way does not lead out of the repository (CVE-2026-44517).
	sub, err := files.InRoot(tree.Root, a.subdir, unix.O_RDONLY|unix.O_DIRECTORY)
	tree.Root.Close()
	if err != nil {
		return nil, fmt.Errorf("there is no directory %q in it: %w", a.subdir, err)
	}
	made.Tree = &files.Tree{Root: sub, Foreign: true}
	return made, nil
}

// checkOut makes dir a repository with the commit that the address means, and gives its name.
func checkOut(ctx context.Context, a address, dir string) (commit string, err error) {
	if a.ref == "" {
		a.ref = "HEAD"
	}
	if _, err := git(ctx, dir, "init", "--quiet", "--template="); err != nil {
		return "", err
	}
	fetched, err := fetchRef(ctx, dir, a.url, a.ref)
	if err != nil {
		return "", err
	}
	if _, err := git(ctx, dir, "checkout", "--quiet", "--detach", fetched); err != nil {
		return "", err
	}
	if commit, err = git(ctx, dir, "rev-parse", "HEAD"); err != nil {
		return "", err
	}
	if a.checksum != "" && !strings.HasPrefix(commit, strings.ToLower(a.checksum)) {
		return "", fmt.Errorf("%s is commit %s, not %s", a.ref, commit, a.checksum)
	}
	if !a.noSubmodules {
		_, err = git(ctx, dir, "submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1")
	}
	return commit, err
}

// settleGit removes .git, or leaves in it what "git describe" and the like ask for: the branch or tag by its name, and where it comes from, without
// credentials.
func settleGit(ctx context.Context, a address, dir string) error {
	gitDir := filepath.Join(dir, ".git")
	if !a.keepGit {
		return os.RemoveAll(gitDir)
	}
	if kind, name := fetchedName(gitDir); name != "" {
		if _, err := git(ctx, dir, "update-ref", kind+name, "FETCH_HEAD"); err != nil {
			return err
		}
	}
	from, _, _ := strings.Cut(a.shown, "#")
	from, _, _ = strings.Cut(from, "?")
	if _, err := git(ctx, dir, "remote", "add", "--", "origin", from); err != nil {
		return err
	}
	// Without what stat(2) says of the files, which is other at each checkout; git finds it out again.
	if _, err := git(ctx, dir, "read-tree", "HEAD"); err != nil {
		return err
	}
	if !a.noSubmodules {
		if _, err := git(ctx, dir, "submodule", "--quiet", "foreach", "--recursive", "git read-tree HEAD"); err != nil {
			return err
		}
	}
	return os.RemoveAll(filepath.Join(gitDir, "FETCH_HEAD"))
}

// fetchedName reads in FETCH_HEAD what was fetched: SUM, tab, tab or a word, tab, "branch 'main' of ADDRESS".
func fetchedName(gitDir string) (kind, name string) {
	text, err := files.ReadFile(filepath.Join(gitDir, "FETCH_HEAD"), 1<<20)
	if err != nil {
		return "", ""
	}
	line, _, _ := strings.Cut(string(text), "\n")
	words := strings.SplitN(line, "\t", 3)
	what, rest, found := strings.Cut(words[len(words)-1], " '")
	name, _, closed := strings.Cut(rest, "' of ")
	kinds := map[string]string{"branch": branches, "tag": tags}
	if kind = kinds[what]; kind == "" || !found || !closed {
		return "", ""
	}
	return kind, name
}

// fetchRef fetches one commit and gives the name it has here. A server may give commits by branches and tags only, or know nothing but whole
// repositories (the dumb protocol): then all are fetched.
func fetchRef(ctx context.Context, dir, url, ref string) (string, error) {
	_, err := git(ctx, dir, "fetch", "--quiet", "--depth", "1", "--no-tags", "--", url, ref)
	if err == nil {
		return "FETCH_HEAD", nil
	}
	if !isCommit(ref) && !strings.Contains(err.Error(), "dumb http") {
		return "", err
	}
	if _, other := git(ctx, dir, "fetch", "--quiet", "--tags", "--", url, "+refs/heads/*:refs/remotes/origin/*", "+HEAD:refs/remotes/origin/HEAD"); other != nil {
		return "", other
	}
	for _, name := range []string{tags + ref, "refs/remotes/origin/" + strings.TrimPrefix(ref, branches), ref} {
		if commit, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}"); err == nil {
			return commit, nil
		}
	}
	return "", fmt.Errorf("there is no %q in the repository", ref)
}

// isCommit reports whether a ref is a commit's whole name.
func isCommit(ref string) bool {
	return (len(ref) == 40 || len(ref) == 64) && strings.Trim(ref, "0123456789abcdef") == ""
}

// git runs git and gives what it prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	hardened := []string{
		"-C", dir, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.symlinks=true", "-c", "core.logAllRefUpdates=false", "-c", "protocol.ext.allow=never",
		"-c", "protocol.file.allow=never", "-c", "submodule.recurse=false", "-c", "advice.detachedHead=false", "-c", "init.defaultBranch=main",
		"-c", "gc.auto=0", "-c", "maintenance.auto=false",
	}
	// The modes of what is checked out would be those of the caller's umask.
	cmd := exec.CommandContext(ctx, "sh", slices.Concat([]string{"-c", `umask 022 && exec git "$@"`, "git"}, hardened, args)...)
	cmd.Env = append(environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ALLOW_PROTOCOL=http:https:git:ssh", "GIT_LFS_SKIP_SMUDGE=1")
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	// What git starts, such as who speaks with the server, goes on without it: all of it is killed at an early end. And none has a terminal to ask at.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 127 {
		return "", hint.Wrap(errors.New("git is not installed"), "sudo apt install git")
	}
	if err != nil {
		message := messages.String()
		return "", hint.Wrap(fmt.Errorf("git %s: %s", args[0], lastLine(message)), gitHint(message))
	}
	return strings.TrimSpace(out.String()), nil
}

// environ is the caller's environment but for what would have git work in the caller's repository instead of dir: pod may be called by a hook.
// The names are those of git rev-parse --local-env-vars; the configuration among them is the caller's own word.
func environ() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		switch name {
		case "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_OBJECT_DIRECTORY", "GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_INDEX_FILE",
			"GIT_NO_REPLACE_OBJECTS", "GIT_REPLACE_REF_BASE", "GIT_PREFIX", "GIT_SHALLOW_FILE", "GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_INTERNAL_SUPER_PREFIX":
			return true
		}
		return false
	})
}

// gitHint is what to do about what git says.
func gitHint(message string) string {
	switch {
	case strings.Contains(message, "terminal prompts disabled"), strings.Contains(message, "Authentication failed"):
		return "git is not asked for a password here: have the credentials in ~/.netrc or from GIT_ASKPASS, or a token in the address"
	case strings.Contains(message, "Permission denied (publickey"):
		return "add the key to your SSH agent: ssh-add"
	case strings.Contains(message, "Host key verification failed"):
		return "connect to the host once with ssh, so that its key is in ~/.ssh/known_hosts"
	case strings.Contains(message, "couldn't find remote ref"), strings.Contains(message, "Remote branch"):
		return "name a branch, a tag or the whole name of a commit behind the #"
	}
	return ""
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
