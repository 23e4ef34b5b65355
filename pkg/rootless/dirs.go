package rootless

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/hint"
)

// runtimeBase is the directory for volatile files of the user who is uid outside and euid as this process sees files:
// $XDG_RUNTIME_DIR, /run/user/UID, and at last /tmp/pod-UID. The first two count only when they are the user's own, since su(1) leaves
// another user's XDG_RUNTIME_DIR behind. The rule is find_base in join.c.
func runtimeBase(euid, uid int) string {
	var st unix.Stat_t
	xdg := os.Getenv("XDG_RUNTIME_DIR")
	if filepath.IsAbs(xdg) && unix.Stat(xdg, &st) == nil && isDir(st) && int(st.Uid) == euid {
		return xdg
	}
	run := fmt.Sprintf("/run/user/%d", uid)
	if unix.Lstat(run, &st) == nil && isDir(st) && int(st.Uid) == euid {
		return run
	}
	return fmt.Sprintf("/tmp/pod-%d", uid)
}

func isDir(st unix.Stat_t) bool { return st.Mode&unix.S_IFMT == unix.S_IFDIR }

// makeRunDir makes the run directory and gives it with its base.
func makeRunDir(euid, uid int) (base, run string, err error) {
	base = runtimeBase(euid, uid)
	run = filepath.Join(base, "pod")
	if base == fmt.Sprintf("/tmp/pod-%d", uid) {
		err = ownDir(base)
	}
	if err == nil {
		err = ownDir(run)
	}
	if err != nil {
		return "", "", hint.Wrap(fmt.Errorf("make the run directory: %w", err), "export XDG_RUNTIME_DIR=DIRECTORY, one that only you can write to")
	}
	return base, run, nil
}

// dataDir is where durable state goes, or "" when no home directory is known.
func dataDir(home string) string {
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "pod")
	}
	if home == "" {
		return ""
	}
	return filepath.Join(home, ".local/share/pod")
}

func makeDataDir(home string) (string, error) {
	dir := dataDir(home)
	if dir == "" {
		return "", hint.Wrap(errors.New("find the data directory: this user has no home directory"), "export HOME=DIRECTORY")
	}
	err := os.MkdirAll(filepath.Dir(dir), 0o700)
	if err == nil {
		err = ownDir(dir)
	}
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("make the data directory: %w", err), "export XDG_DATA_HOME=DIRECTORY, one that you can write to")
	}
	return dir, nil
}

// ownDir makes dir with mode 0700 unless it is there. One that is a symbolic link, belongs to somebody else or can be written to by
// others is refused: who can put files there could name any process as our holder.
func ownDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if err == nil || !errors.Is(err, os.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	switch {
	case st.Mode&unix.S_IFMT == unix.S_IFLNK:
		return fmt.Errorf("%q is a symbolic link", dir)
	case !isDir(st):
		return fmt.Errorf("%q is not a directory", dir)
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("%q belongs to another user (uid %d)", dir, st.Uid)
	case st.Mode&0o022 != 0:
		return fmt.Errorf("%q can be written to by others (mode %04o)", dir, st.Mode&0o7777)
	}
	return nil
}
