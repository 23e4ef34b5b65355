package podtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Machine is what tests can rely on here.
type Machine struct {
	missing map[string]string // condition -> why it is not met; "" when it is
}

// Examine finds out. It takes some tens of milliseconds.
func Examine() Machine {
	m := Machine{missing: make(map[string]string)}
	for _, program := range []string{"crun", "runc", "pasta", "slirp4netns", "fuse-overlayfs", "strace", "docker-registry", "skopeo", "gpg", "ssh-agent"} {
		_, err := exec.LookPath(program)
		m.set(program, err)
	}
	_, err := exec.LookPath("podman")
	m.set("installed:podman", err)
	_, err = exec.LookPath("qemu-aarch64-static")
	m.set("qemu-user", err)
	m.set("no-emulator", noEmulator())
	m.set("own-binfmt", try("unshare", "--map-root-user", "--mount", "mount", "-t", "binfmt_misc", "binfmt_misc", "/mnt"))
	m.set("userns", try("unshare", "--map-root-user", "--map-auto", "true"))
	m.set("overlay", overlayWorks())
	m.set("tun", writable("/dev/net/tun"))
	m.set("timens", exists("/proc/self/ns/time"))
	m.set("cgroup2", cgroup2())
	m.set("systemd", userManager())
	m.set("root", isRoot())
	top, err := DelegatedCgroup()
	m.set("delegated", err)
	for _, controller := range []string{"cpu", "cpuset", "io", "memory", "pids"} {
		if err != nil {
			m.set("delegated:"+controller, err)
			continue
		}
		m.set("delegated:"+controller, controllerIn(top, controller))
	}
	return m
}

func (m Machine) set(condition string, err error) {
	m.missing[condition] = ""
	if err != nil {
		m.missing[condition] = err.Error()
	}
}

// Has reports whether a condition is met; the error is about its name.
func (m Machine) Has(condition string) (bool, error) {
	why, known := m.missing[condition]
	if !known {
		return false, fmt.Errorf("no such condition: %q", condition)
	}
	return why == "", nil
}

// Why is the reason a condition is not met.
func (m Machine) Why(condition string) string { return m.missing[condition] }

// Fixable reports whether installing a package would meet the condition. On a machine that exists to run tests its
// absence is a mistake, not a reason to skip.
func Fixable(condition string) bool {
	switch condition {
	case "userns", "crun", "runc", "pasta", "slirp4netns", "fuse-overlayfs", "strace", "docker-registry", "skopeo", "gpg", "ssh-agent", "qemu-user", "installed:podman":
		return true
	}
	return false
}

// String lists all conditions, one on a line.
func (m Machine) String() string {
	var lines []string
	for condition, why := range m.missing {
		if why == "" {
			why = "yes"
		} else {
			why = "no: " + why
		}
		lines = append(lines, fmt.Sprintf("  %-18s %s", condition, why))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func try(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// noEmulator reports whether the machine's administrator has registered none.
func noEmulator() error {
	found, err := filepath.Glob("/proc/sys/fs/binfmt_misc/*qemu*")
	if len(found) > 0 {
		err = fmt.Errorf("there is %s", found[0])
	}
	return err
}

func exists(path string) error {
	_, err := os.Stat(path)
	return err
}

func writable(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// overlayWorks tries a native overlay mount in a user namespace, where the worlds of tests are.
func overlayWorks() error {
	dir, err := os.MkdirTemp(baseDir, "overlay")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, d := range []string{"l", "u", "w", "m"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			return err
		}
	}
	script := "cd " + dir + " && mount -t overlay -o userxattr,lowerdir=l,upperdir=u,workdir=w overlay m && umount m && rm -rf w"
	return try("unshare", "--map-root-user", "--mount", "sh", "-c", script)
}

func cgroup2() error {
	if err := exists("/sys/fs/cgroup/cgroup.controllers"); err != nil {
		return errors.New("/sys/fs/cgroup is not a cgroup2 mount")
	}
	return nil
}

func controllerIn(cgroup, controller string) error {
	b, err := os.ReadFile(filepath.Join(cgroup, "cgroup.controllers"))
	if err != nil {
		return err
	}
	if !slices.Contains(strings.Fields(string(b)), controller) {
		return fmt.Errorf("controller %s is not delegated", controller)
	}
	return nil
}

func userManager() error {
	if err := exists("/run/systemd/system"); err != nil {
		return errors.New("systemd is not the init process")
	}
	return exists(filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), "bus"))
}

func isRoot() error {
	if os.Geteuid() != 0 {
		return errors.New("not root")
	}
	return nil
}
