// Package cgroup says which cgroup manager and which resource limits are possible for this user, and works on the cgroups of
// containers: it places processes, freezes, kills and removes. It knows only the unified hierarchy (version 2); where that is
// not all there is, containers run without limits, and asking for a limit is an error.
package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/hint"
)

// Manager is who makes the cgroups of containers.
type Manager string

const (
	// Cgroupfs: the OCI runtime makes directories below Setup.Parent.
	Cgroupfs Manager = "cgroupfs"
	// Systemd: the user's (or the system's) systemd makes scopes when asked over D-Bus.
	Systemd Manager = "systemd"
	// Disabled: containers stay in the cgroup of whoever starts them.
	Disabled Manager = "disabled"
)

// Facts are what Detect decides by.
type Facts struct {
	Root    string // where cgroups are mounted: "/sys/fs/cgroup"
	Unified bool   // that mount is a cgroup2 file system
	Self    string // text of /proc/self/cgroup
	// Systemd is the socket of the systemd manager in charge of this user, or "". See SystemdSocket.
	Systemd string
	// Bus reports that the message bus that goes with that manager is there; see hasBus.
	Bus      bool
	Rootless bool
	UID      int // of the user outside
}

// ReadFacts gathers the facts of the calling process. Inside a user namespace runtimeDir ($XDG_RUNTIME_DIR) is still that
// of the user.
func ReadFacts(runtimeDir string, rootless bool, uid int) (Facts, error) {
	f := Facts{
		Root: "/sys/fs/cgroup", Rootless: rootless, UID: uid, Systemd: SystemdSocket(runtimeDir, rootless),
		Bus: hasBus(runtimeDir, rootless),
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(f.Root, &fs); err == nil {
		f.Unified = fs.Type == unix.CGROUP2_SUPER_MAGIC
	}
	self, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return Facts{}, fmt.Errorf("find this process's cgroup: %w", err)
	}
	f.Self = string(self)
	return f, nil
}

// SystemdSocket is the private socket of the user's systemd manager, or of the system's for root; "" when there is none.
func SystemdSocket(runtimeDir string, rootless bool) string {
	socket := "/run/systemd/private"
	if rootless {
		if runtimeDir == "" {
			return ""
		}
		socket = filepath.Join(runtimeDir, "systemd", "private")
	}
	if info, err := os.Stat(socket); err != nil || info.Mode().Type() != os.ModeSocket {
		return ""
	}
	return socket
}

// hasBus reports whether OCI runtimes can ask systemd for a scope: unlike this package they do so over the message bus alone. It is not there
// where dbus (for a user: dbus-user-session) is not installed.
func hasBus(runtimeDir string, rootless bool) bool {
	socket := "/run/dbus/system_bus_socket"
	if rootless {
		address := os.Getenv("DBUS_SESSION_BUS_ADDRESS")
		path, plain := strings.CutPrefix(address, "unix:path=")
		switch {
		case address == "":
			socket = filepath.Join(runtimeDir, "bus")
		case plain:
			socket, _, _ = strings.Cut(path, ",")
		default:
			return true // in a form that is not for us to understand
		}
	}
	_, err := os.Stat(socket)
	return err == nil
}

// Setup is how cgroups of containers are made on this machine.
type Setup struct {
	Manager Manager
	Root    string // where cgroups are mounted
	// Base is the topmost cgroup this user may change, with Cgroupfs; a path from Root that begins with a slash.
	Base string
	// Parent holds the cgroups of containers: a path from Root with Cgroupfs, a slice's name with Systemd.
	Parent string
	// Controllers are those that containers can have limits of.
	Controllers []string
	// Socket is where systemd listens, with Systemd.
	Socket string
	// Mixed says that both versions have controllers, which crun refuses.
	Mixed bool
	// Own is the cgroup of the process that detected: what Prepare may move processes out of.
	Own string
	// Notice is one sentence for the user, to be said once; empty when everything is as it should be.
	Notice string
	// missing is what to do about missing controllers.
	missing string
}

const (
	sessionHint = "log in as this user (not with su or sudo), or: sudo loginctl enable-linger"
	busHint     = "sudo apt install dbus-user-session, then log in again"
	// What systemd's documentation gives for delegating controllers to users.
	delegateHint = `sudo sh -c 'mkdir -p /etc/systemd/system/user@.service.d && printf "[Service]\nDelegate=cpu cpuset io memory pids\n" > /etc/systemd/system/user@.service.d/delegate.conf && systemctl daemon-reload', then log in again`
	// UnifiedHint is how to get version 2 alone.
	UnifiedHint = "boot with systemd.unified_cgroup_hierarchy=1"
)

// Detect chooses the manager: systemd where one can be asked, since it takes the tree below it for its own; directories of our own
// where there is none and this process is in a part of the tree that the user may change; else none. It changes nothing. An error means that the facts make no sense.
func Detect(f Facts) (Setup, error) {
	if !f.Unified {
		second, _ := readWords(filepath.Join(f.Root, "unified", "cgroup.controllers"))
		return Setup{
			Manager: Disabled, Root: f.Root, Mixed: len(second) > 0, missing: UnifiedHint,
			Notice: "this machine does not use cgroup version 2 alone: containers run without resource limits",
		}, nil
	}
	own, err := ownCgroup(f.Self)
	if err != nil {
		return Setup{}, err
	}
	s := Setup{Root: f.Root, Own: own, missing: delegateHint}
	base, ok := topmostWritable(f.Root, own)
	switch {
	case f.Systemd != "" && f.Bus:
		s.Manager, s.Parent, s.Socket = Systemd, "user.slice", f.Systemd
		if !f.Rootless {
			s.Parent = "machine.slice"
		}
		if s.Controllers, err = readWords(filepath.Join(f.Root, managerCgroup(f), "cgroup.controllers")); err != nil {
			return Setup{}, fmt.Errorf("read the controllers of systemd's cgroup: %w", err)
		}
	case ok:
		s.Manager, s.Base, s.Parent = Cgroupfs, base, filepath.Join(base, "pod")
		if s.Controllers, err = readWords(filepath.Join(f.Root, base, "cgroup.controllers")); err != nil {
			return Setup{}, fmt.Errorf("read controllers of cgroup %q: %w", base, err)
		}
	default:
		s.Manager = Disabled
		s.Notice = "no cgroup is delegated to this user: containers run without resource limits"
		s.missing = sessionHint
		if f.Systemd != "" {
			s.Notice = "systemd cannot be asked for cgroups without a message bus: containers run without resource limits"
			s.missing = busHint
		}
	}
	return s, nil
}

// managerCgroup is where systemd's manager for this user has its cgroups (systemd(1), user@.service(5)).
func managerCgroup(f Facts) string {
	if !f.Rootless {
		return "/"
	}
	return fmt.Sprintf("/user.slice/user-%d.slice/user@%d.service", f.UID, f.UID)
}

// ownCgroup reads the text of /proc/self/cgroup.
func ownCgroup(text string) (string, error) {
	for line := range strings.Lines(text) {
		if path, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "0::"); ok {
			// After a cgroup namespace was made elsewhere, or for a cgroup that was removed, the kernel shows no usable path.
			if !filepath.IsAbs(path) || strings.HasPrefix(path, "/..") || strings.HasSuffix(path, " (deleted)") {
				return "", fmt.Errorf("this process's cgroup %q is outside of what is mounted", path)
			}
			return filepath.Clean(path), nil
		}
	}
	return "", errors.New("this process is in no cgroup of version 2")
}

// topmostWritable walks from own towards the root while the user may make children and move processes. A move needs the right to
// write cgroup.procs of the nearest common ancestor, so the walk must begin at own: a delegated tree elsewhere is of no use.
func topmostWritable(root, own string) (string, bool) {
	base, ok := "", false
	for dir := own; writable(filepath.Join(root, dir)); dir = filepath.Dir(dir) {
		base, ok = dir, true
		if dir == "/" {
			break
		}
	}
	return base, ok
}

func writable(dir string) bool {
	return unix.Access(dir, unix.W_OK) == nil && unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil &&
		unix.Access(filepath.Join(dir, "cgroup.subtree_control"), unix.W_OK) == nil
}

// Hint is what to do about a controller that containers cannot have limits of.
func (s Setup) Hint() string { return s.missing }

// CgroupsPath is linux.cgroupsPath of the OCI specification for a container; parent is what the user gave (--cgroup-parent) or
// empty. It is "" when cgroups are disabled.
func (s Setup) CgroupsPath(id, parent string) (string, error) {
	if strings.ContainsAny(id, "/:\n") || id == "" || id == "." || id == ".." {
		return "", fmt.Errorf("cgroup of container %q: not an id", id)
	}
	switch s.Manager {
	case Cgroupfs:
		dir, err := s.parentPath(parent)
		return filepath.Join(dir, id), err
	case Systemd:
		if parent == "" {
			parent = s.Parent
		}
		if !strings.HasSuffix(parent, ".slice") || strings.ContainsAny(parent, "/:\n") {
			return "", fmt.Errorf("cgroup parent %q: with systemd it must be the name of a slice, %q", parent, "NAME.slice")
		}
		return parent + ":pod:" + id, nil
	}
	if parent != "" {
		return "", hint.Wrap(fmt.Errorf("cgroup parent %q: cgroups are not available to this user", parent), s.missing)
	}
	return "", nil
}

// parentPath is the cgroup containers are made in. One that the user gave must lie in what the user may change.
func (s Setup) parentPath(given string) (string, error) {
	if given == "" {
		return s.Parent, nil
	}
	path := filepath.Join("/", given)
	if within(path, s.Base) {
		return path, nil
	}
	if filepath.IsAbs(given) {
		return "", fmt.Errorf("cgroup parent %q: this user may only change cgroups in %q", given, s.Base)
	}
	return filepath.Join(s.Base, path), nil
}

func within(path, base string) bool {
	return base == "/" || path == base || strings.HasPrefix(path, base+"/")
}

// Dir is the directory of the cgroup with this path from the root: /proc/PID/cgroup and CgroupsPath (with Cgroupfs) give such paths.
func (s Setup) Dir(path string) string { return filepath.Join(s.Root, path) }

// DirOf is the directory of the cgroup a process is in.
func (s Setup) DirOf(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return "", fmt.Errorf("find cgroup of process %d: %w", pid, err)
	}
	path, err := ownCgroup(string(text))
	if err != nil {
		return "", fmt.Errorf("find cgroup of process %d: %w", pid, err)
	}
	return s.Dir(path), nil
}

// RuntimeArgs are the global arguments that tell the OCI runtime, named by the base name of its program, about the manager. runc has no word for
// "none", but makes no cgroup for a rootless container whose specification has neither a path nor limits.
func (s Setup) RuntimeArgs(runtime string) []string {
	switch {
	case s.Manager == Systemd:
		return []string{"--systemd-cgroup"}
	case s.Manager == Disabled && runtime == "crun":
		return []string{"--cgroup-manager=disabled"}
	}
	return nil
}

func readWords(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	return strings.Fields(string(b)), err
}
