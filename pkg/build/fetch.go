package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/internal/hint"
	"golang.org/x/sys/unix"
)

// Fetched is what a server said of a file.
type Fetched struct {
	Modified time.Time // zero: it did not say
	Digest   digest.Digest
}

// fetch brings what an address means into the directory dir, which exists and is empty, and gives it as a tree and the source in it:
// the file's name, or nothing for a tree of git's.
func (b *Builder) fetch(ctx context.Context, a address, checksum, dir string) (*Tree, string, error) {
	if err := os.Chmod(dir, 0o755); err != nil {
		return nil, "", err
	}
	if a.git {
		tree, err := b.fetchGit(ctx, a, checksum, dir)
		if err != nil {
			err = fmt.Errorf("fetch %s: %w", a.shown, err)
		}
		return tree, "", err
	}
	name := a.fileName()
	file := filepath.Join(dir, name)
	got, err := b.Fetch(ctx, a.url, file)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", a.shown, err)
	}
	if checksum != "" && got.Digest.String() != checksum {
		return nil, "", fmt.Errorf("fetch %s: its digest is %s, not %s", a.shown, got.Digest, checksum)
	}
	modified := got.Modified
	if modified.IsZero() {
		modified = time.Unix(0, 0) // the same at each fetch
	}
	if err := errors.Join(os.Chmod(file, 0o600), os.Chtimes(file, modified, modified)); err != nil {
		return nil, "", err
	}
	tree, err := openTree(dir)
	if err != nil {
		return nil, "", err
	}
	tree.Origin = a.origin(got.Digest.String())
	return tree, name, nil
}

func openTree(dir string) (*Tree, error) {
	root, err := os.OpenFile(dir, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return nil, err
	}
	return &Tree{Root: root, foreign: true}, nil
}

// fetchGit checks a commit out. The repository is a stranger's: none of its hooks, filters or configured programs run, and no
// protocol but those of a network is spoken, whatever submodules ask for.
func (b *Builder) fetchGit(ctx context.Context, a address, checksum, dir string) (*Tree, error) {
	if checksum == "" {
		checksum = a.checksum
	}
	ref := a.ref
	if ref == "" {
		ref = "HEAD"
	}
	steps := [][]string{{"init", "--quiet"}, {"fetch", "--quiet", "--depth", "1", "--no-tags", "--", a.url, ref}, {"checkout", "--quiet", "--detach", "FETCH_HEAD"}}
	for _, args := range steps {
		if _, err := git(ctx, dir, args...); err != nil {
			return nil, err
		}
	}
	commit, err := git(ctx, dir, "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	if checksum != "" && !strings.HasPrefix(commit, strings.ToLower(checksum)) {
		return nil, fmt.Errorf("%s is commit %s, not %s", ref, commit, checksum)
	}
	if _, err := git(ctx, dir, "submodule", "--quiet", "update", "--init", "--recursive", "--depth", "1"); err != nil {
		return nil, err
	}
	if !a.keepGit {
		if err := os.RemoveAll(filepath.Join(dir, ".git")); err != nil {
			return nil, err
		}
	}
	tree, err := openTree(dir)
	if err != nil {
		return nil, err
	}
	tree.Origin = a.origin(commit)
	if a.subdir == "" {
		return tree, nil
	}
	// A link on the way does not lead out of the repository (CVE-2026-44517).
	sub, err := inRoot(tree.Root, a.subdir, unix.O_RDONLY|unix.O_DIRECTORY)
	tree.Root.Close()
	if err != nil {
		return nil, fmt.Errorf("there is no directory %q in it: %w", a.subdir, err)
	}
	return &Tree{Root: sub, Origin: tree.Origin, foreign: true}, nil
}

// git runs git and gives what it prints.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	hardened := []string{
		"-C", dir, "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.symlinks=true", "-c", "protocol.ext.allow=never",
		"-c", "protocol.file.allow=never", "-c", "submodule.recurse=false", "-c", "advice.detachedHead=false", "-c", "init.defaultBranch=main",
	}
	cmd := exec.CommandContext(ctx, "git", append(hardened, args...)...)
	cmd.Env = append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ALLOW_PROTOCOL=http:https:git:ssh", "GIT_LFS_SKIP_SMUDGE=1")
	var out, messages bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &messages
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return "", hint.Wrap(errors.New("git is not installed"), "sudo apt install git")
	}
	if err != nil {
		return "", fmt.Errorf("git %s: %s", args[0], lastLine(messages.String()))
	}
	return strings.TrimSpace(out.String()), nil
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}
