package podtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// baseDir is on a disk (/tmp may be a tmpfs) and short: paths of sockets have at most 107 bytes (unix(7)).
const baseDir = "/var/tmp"

// World is a home directory, a run directory and an engine that uses only these.
type World struct {
	Dir    string // everything below belongs to this world
	Engine string // path of the program under test

	stopReaping func()
}

// NewWorld makes a world for the program engine. Close ends it.
func NewWorld(engine string) (*World, error) {
	// What a command leaves running becomes a child of this process and can be found.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("become a subreaper: %w", err)
	}
	dir, err := os.MkdirTemp(baseDir, "pw")
	if err != nil {
		return nil, err
	}
	w := &World{Dir: dir, Engine: engine, stopReaping: reapOrphans()}
	for _, d := range []string{w.Home(), w.RunDir(), w.TempDir(), w.binDir()} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	for _, name := range []string{"pod", "docker", "podman"} {
		if err := os.Symlink(engine, filepath.Join(w.binDir(), name)); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	if err := w.linkUserManager(); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if w.IsPodman() {
		if err := w.ConfigurePodman(); err != nil {
			return nil, errors.Join(err, w.Close())
		}
	}
	return w, nil
}

func (w *World) Home() string    { return filepath.Join(w.Dir, "h") }
func (w *World) RunDir() string  { return filepath.Join(w.Dir, "r") }
func (w *World) TempDir() string { return filepath.Join(w.Dir, "t") }
func (w *World) binDir() string  { return filepath.Join(w.Dir, "b") }

// podRunDir is where pod keeps what ends with the session. Root's is the system's.
func (w *World) podRunDir() string {
	if os.Geteuid() == 0 {
		return "/run/pod"
	}
	return filepath.Join(w.RunDir(), "pod")
}

// linkUserManager lets the world reach the user's systemd, where there is one: as it is with the user's own run directory.
func (w *World) linkUserManager() error {
	for _, name := range []string{"systemd", "bus"} {
		there := filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), name)
		if exists(there) != nil {
			continue
		}
		if err := os.Symlink(there, filepath.Join(w.RunDir(), name)); err != nil {
			return err
		}
	}
	return nil
}

// DataDir is XDG_DATA_HOME.
func (w *World) DataDir() string { return filepath.Join(w.Home(), ".local", "share") }

// IsPodman reports that the program under test is podman itself: scripts are written against it, and the two are compared.
func (w *World) IsPodman() bool { return filepath.Base(w.Engine) == "podman" }

// ConfigurePodman makes podman use native overlay, as pod does: it is compared at its best.
func (w *World) ConfigurePodman() error {
	dir := filepath.Join(w.Home(), ".config", "containers")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	text := fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n",
		filepath.Join(w.DataDir(), "containers", "storage"), filepath.Join(w.RunDir(), "containers"))
	return os.WriteFile(filepath.Join(dir, "storage.conf"), []byte(text), 0o600)
}

// Env is the whole environment of commands in this world. Nothing of the caller's gets through but the failpoints.
func (w *World) Env() []string {
	env := []string{
		"HOME=" + w.Home(),
		"XDG_RUNTIME_DIR=" + w.RunDir(),
		"XDG_DATA_HOME=" + w.DataDir(),
		"XDG_CONFIG_HOME=" + filepath.Join(w.Home(), ".config"),
		"XDG_CACHE_HOME=" + filepath.Join(w.Home(), ".cache"),
		"TMPDIR=" + w.TempDir(),
		"PATH=" + w.binDir() + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"USER=" + os.Getenv("USER"),
		"LOGNAME=" + os.Getenv("LOGNAME"),
		"LANG=C.UTF-8",
		"TERM=dumb",
		"BOX=" + BoxImage,
		"PROBE=" + ProbeImage,
	}
	if bus := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); bus != "" {
		env = append(env, "DBUS_SESSION_BUS_ADDRESS="+bus)
	}
	return env
}

// Command is the engine with these arguments.
func (w *World) Command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, w.Engine, args...)
	cmd.Env = w.Env()
	cmd.Dir = w.Home()
	return cmd
}

// Run runs the engine and gives what it printed on stdout without the last newline; the error has what it printed on stderr.
func (w *World) Run(ctx context.Context, args ...string) (string, error) {
	out, err := w.Command(ctx, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = fmt.Errorf("%s %s: %w: %s", filepath.Base(w.Engine), strings.Join(args, " "), err, exit.Stderr)
	}
	return strings.TrimSuffix(string(out), "\n"), err
}

// Close ends every process that this test process has left behind and removes the world with the files of subordinate users.
func (w *World) Close() error {
	w.stopReaping()
	if err := endDescendants(); err != nil {
		return err
	}
	if os.RemoveAll(w.Dir) == nil {
		return nil
	}
	return try("unshare", "--map-root-user", "--map-auto", "rm", "-rf", w.Dir)
}
