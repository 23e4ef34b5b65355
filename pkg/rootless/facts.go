package rootless

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// hostFacts gathers what is cheap; the rest is behind functions.
func hostFacts(uid, gid uint32) (Facts, error) {
	acct, err := lookupAccount("/etc/passwd", uid)
	if err != nil {
		return Facts{}, err
	}
	data, run := dataDir(homeOf(acct)), runtimeBase(os.Geteuid(), int(uid))
	if uid == 0 {
		data, run = systemData, systemRuntime
	}
	f := Facts{
		UID: int(uid), GID: int(gid), User: acct.Name,
		DataDir: data, StoreDir: filepath.Join(filepath.Dir(data), "containers/storage"), RuntimeDir: run,
		Env: os.Getenv, Tool: findTool, Output: toolOutput,
		FileSystem: fileSystemAt, Usable: openDevice, Probe: probeOverlay,
	}
	f.Holder = func() (int, []IDMapping, error) { return holderIn(f.RuntimeDir) }
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return Facts{}, fmt.Errorf("read the kernel's release: %w", err)
	}
	f.Kernel = unix.ByteSliceToString(name.Release[:])
	return f, nil
}

// findTool looks on PATH and then where administrators' programs are, which is not on every user's PATH.
func findTool(name string) (Tool, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return Tool{}, err
	}
	tool := Tool{Path: path}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return Tool{}, &os.PathError{Op: "stat", Path: path, Err: err}
	}
	// Seen from inside a user namespace, root of the machine is the overflow id.
	tool.SetUID = st.Mode&unix.S_ISUID != 0 && (st.Uid == 0 || st.Uid == 65534)
	n, err := unix.Getxattr(path, "security.capability", make([]byte, 64))
	tool.Caps = err == nil && n > 0
	return tool, nil
}

func toolOutput(ctx context.Context, path string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	return strings.TrimSpace(string(out)), err
}

func openDevice(path string) error {
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// fileSystemAt describes the file system on which path is or will be.
func fileSystemAt(path string) (FileSystem, error) {
	dir := existing(path)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return FileSystem{}, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return FileSystem{
		Type: int64(st.Type), Free: st.Bavail * uint64(st.Bsize),
		Inodes: st.Files, FreeInodes: st.Ffree,
		MountedName: remoteName(int64(st.Type)),
	}, nil
}

// remoteName names the file systems on which layers of images cannot be kept, since the server does not know the user's
// subordinate ids or the overlay driver refuses them.
func remoteName(magic int64) string {
	switch uint32(magic) {
	case unix.NFS_SUPER_MAGIC:
		return "nfs"
	case unix.SMB_SUPER_MAGIC, 0xff534d42, 0xfe534d42:
		return "smb"
	case unix.AFS_SUPER_MAGIC, unix.AFS_FS_MAGIC:
		return "afs"
	case unix.V9FS_MAGIC:
		return "9p"
	case 0x0bd00bd0:
		return "lustre"
	case 0x47504653:
		return "gpfs"
	case unix.ECRYPTFS_SUPER_MAGIC:
		return "ecryptfs"
	}
	return ""
}

// existing is path or the nearest directory above it that is there.
func existing(path string) string {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		if st, err := os.Stat(path); err == nil && st.IsDir() || path == filepath.Dir(path) {
			return path
		}
	}
}

// probeOverlay runs probe.c in a throw-away directory on the file systems in question.
func probeOverlay(ctx context.Context, lower, upper string) (result ProbeResult) {
	if !hasConstructor {
		return ProbeResult{Ran: errors.New("this pod was built without C")}
	}
	dir, err := os.MkdirTemp(existing(upper), ".pod-doctor-*")
	if err != nil {
		return ProbeResult{Ran: err}
	}
	defer func() {
		// The overlay driver leaves a directory of mode 0, which RemoveAll cannot look into; without a mount there is none.
		os.Chmod(filepath.Join(dir, "work/work"), 0o700)
		result.Ran = errors.Join(result.Ran, os.RemoveAll(dir))
	}()
	// An image store that is somebody else's (--root, additional stores) cannot be written to; the upper layer's file
	// system then stands in for it.
	lowerDir, err := os.MkdirTemp(existing(lower), ".pod-doctor-*")
	if err != nil {
		lowerDir = filepath.Join(dir, "layer")
		err = os.Mkdir(lowerDir, 0o700)
	}
	if err != nil {
		return ProbeResult{Ran: err}
	}
	defer func() { result.Ran = errors.Join(result.Ran, os.RemoveAll(lowerDir)) }()
	if err := layOut(dir, lowerDir); err != nil {
		return ProbeResult{Ran: err}
	}
	return runProbe(ctx, dir)
}

func layOut(dir, lower string) error {
	for _, sub := range []string{"upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return err
		}
	}
	for _, file := range []string{"changed", "removed"} {
		if err := os.WriteFile(filepath.Join(lower, file), []byte("x"), 0o600); err != nil {
			return err
		}
	}
	// The link keeps commas and colons of the real path out of the mount options.
	return os.Symlink(lower, filepath.Join(dir, "lower"))
}

func runProbe(ctx context.Context, dir string) ProbeResult {
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = []string{envProbe + "=1"}
	cmd.Dir = dir
	out, err := cmd.Output()
	if len(out) != 8 {
		return ProbeResult{Ran: fmt.Errorf("try a user namespace: %w", errors.Join(err, errors.New("no answer")))}
	}
	return ProbeResult{
		Step: byte(binary.NativeEndian.Uint32(out)),
		Err:  unix.Errno(binary.NativeEndian.Uint32(out[4:])),
	}
}

// executable is this program's path for use in a shell command.
func executable() string {
	path, err := os.Executable()
	if err != nil {
		return "/usr/bin/pod"
	}
	return path
}

func holderIn(runtimeDir string) (pid int, uidMap []IDMapping, err error) {
	id, alive := liveHolder(filepath.Join(runtimeDir, "pod/holder"), os.Geteuid())
	if !alive {
		return 0, nil, nil
	}
	uidMap, err = readIDMap(fmt.Sprintf("/proc/%d/uid_map", id.PID))
	return id.PID, uidMap, err
}
