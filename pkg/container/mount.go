package container

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// ParseVolume reads the value of --volume: SOURCE:DESTINATION[:OPTION,...]. A SOURCE that begins with "." is taken
// relative to dir.
func ParseVolume(s, dir string) (Mount, error) {
	parts := strings.Split(s, ":")
	switch {
	case len(parts) == 1:
		return Mount{}, invalid("%q has no source; give HOST-PATH:%s", clip(s), clip(s))
	case len(parts) > 3:
		return Mount{}, invalid("%q has too many colons; give HOST-PATH:PATH[:OPTIONS], or use --mount for paths with colons", clip(s))
	}
	source, err := hostPath(parts[0], dir)
	if err != nil {
		return Mount{}, err
	}
	m := Mount{Type: MountBind, Source: source, Destination: cleanDestination(parts[1])}
	if len(parts) == 3 {
		for _, o := range strings.Split(parts[2], ",") {
			m.addOption(o)
		}
	}
	return m, checkMount(m)
}

// hostPath makes the source of a bind mount absolute.
func hostPath(s, dir string) (string, error) {
	switch {
	case s == "":
		return "", invalid("the source is empty; give HOST-PATH:PATH")
	case s[0] == '/':
		return path.Clean(s), nil
	case s[0] == '.':
		return path.Join(dir, s), nil
	}
	return "", invalid(`%q is not a path; give an absolute path or one that starts with "./"`, clip(s))
}

func cleanDestination(s string) string {
	if strings.HasPrefix(s, "/") {
		return path.Clean(s)
	}
	return s
}

// addOption notes one word, so that "ro" and "rw" have one place in a Mount.
func (m *Mount) addOption(o string) {
	switch o {
	case "ro", "readonly":
		m.ReadOnly = true
	case "rw":
		m.ReadOnly = false
	case "", "cached", "delegated", "consistent":
		// The last three are about host and machine being two; here the same kernel serves both.
	default:
		if !slices.Contains(m.Options, o) {
			m.Options = append(m.Options, o)
		}
	}
}

// ParseTmpfs reads the value of --tmpfs: DESTINATION[:OPTION,...].
func ParseTmpfs(s string) (Mount, error) {
	dst, options, _ := strings.Cut(s, ":")
	m := Mount{Type: MountTmpfs, Destination: cleanDestination(dst)}
	if options != "" {
		for _, o := range strings.Split(options, ",") {
			m.addOption(o)
		}
	}
	return m, checkMount(m)
}

// checkMount is the one place that knows which mounts may be asked for.
func checkMount(m Mount) error {
	if err := checkDestination(m.Destination); err != nil {
		return err
	}
	if !m.mayReplaceKernelPath() {
		return invalid("%q belongs to the kernel's file systems; give another path", clip(m.Destination))
	}
	switch m.Type {
	case MountBind:
		if !strings.HasPrefix(m.Source, "/") || strings.IndexByte(m.Source, 0) >= 0 || len(m.Source) > 4095 {
			return invalid("%q is not an absolute path; give the absolute path of a file or directory", clip(m.Source))
		}
	case MountTmpfs:
		if m.Source != "" {
			return invalid("a tmpfs has no source; leave out %q", clip(m.Source))
		}
	default:
		return invalid("mount type %q is not known; give bind or tmpfs", clip(string(m.Type)))
	}
	return checkMountOptions(m)
}

// checkDestination wants a plain absolute path below the root.
func checkDestination(p string) error {
	if !strings.HasPrefix(p, "/") {
		return invalid("%q is not absolute; give an absolute path inside the container", clip(p))
	}
	if p == "/" {
		return invalid("nothing can be mounted over the container's root; give a path below it")
	}
	if strings.IndexByte(p, 0) >= 0 || len(p) > 4095 || path.Clean(p) != p {
		return invalid("%q is not a plain path; give one without \"..\", of at most 4095 bytes", clip(p))
	}
	return nil
}

// kernelFiles are the single files of /proc that a mount may stand in for; runc's list, made for lxcfs.
func kernelFiles() []string {
	return []string{
		"/proc/cpuinfo", "/proc/diskstats", "/proc/meminfo", "/proc/stat", "/proc/swaps", "/proc/uptime",
		"/proc/loadavg", "/proc/slabinfo", "/proc/net/dev", "/proc/sys/kernel/ns_last_pid", "/proc/sys/crypto/fips_enabled",
	}
}

// engineDevices are the entries of /dev that the engine or the runtime makes. Mounts over them, or a /dev that is not
// fresh, are how CVE-2025-52565, CVE-2026-41579 and CVE-2026-88264 led out.
func engineDevices() []string {
	return []string{"console", "fd", "full", "null", "ptmx", "pts", "random", "stderr", "stdin", "stdout", "tty", "urandom", "zero"}
}

// mayReplaceKernelPath reports whether the destination is outside /proc, /sys and /dev, or one of the places in
// them where a mount is known to be harmless.
func (m Mount) mayReplaceKernelPath() bool {
	d := m.Destination
	switch top, rest, _ := strings.Cut(strings.TrimPrefix(d, "/"), "/"); top {
	case "proc":
		return m.Type == MountBind && slices.Contains(kernelFiles(), d)
	case "sys":
		// A writable cgroup tree would let the container leave its own limits (CVE-2022-0492, CVE-2023-25809).
		return rest == "fs/cgroup" && m.ReadOnly || rest == "fs/bpf"
	case "dev":
		first, _, _ := strings.Cut(rest, "/")
		return rest != "" && !slices.Contains(engineDevices(), first)
	}
	return true
}

func isPropagation(o string) bool {
	switch o {
	case "shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable":
		return true
	}
	return false
}

// checkMountOptions accepts the known words, each meaning only once.
func checkMountOptions(m Mount) error {
	seen := make(map[string]string)
	for _, o := range m.Options {
		group, err := mountOptionGroup(m.Type, o)
		if err != nil {
			return err
		}
		if other, ok := seen[group]; ok {
			return invalid("mount options %q and %q exclude each other; give one of them", other, o)
		}
		seen[group] = o
	}
	return nil
}

// mountOptionGroup names what an option is about; two of a group exclude each other.
func mountOptionGroup(t MountType, o string) (string, error) {
	switch o {
	case "exec", "noexec":
		return "exec", nil
	case "suid", "nosuid":
		return "suid", nil
	case "dev", "nodev":
		return "dev", nil
	case "U":
		return "U", nil
	}
	if t == MountTmpfs {
		return tmpfsOptionGroup(o)
	}
	switch o {
	case "bind", "rbind":
		return "bind", nil
	case "z", "Z":
		return "relabel", nil
	case "copy", "nocopy", "O", "idmap":
		return "", invalid("mount option %q is not for bind mounts of this engine; leave it out", o)
	}
	if isPropagation(o) {
		return "propagation", nil
	}
	return "", invalid("mount option %q is not known; give some of ro, rw, z, Z, U, bind, rbind, nosuid, nodev, noexec, private, slave, shared", clip(o))
}

func tmpfsOptionGroup(o string) (string, error) {
	key, value, _ := strings.Cut(o, "=")
	switch {
	case o == "tmpcopyup" || o == "notmpcopyup":
		return "tmpcopyup", nil
	case o == "noatime" || o == "relatime" || o == "strictatime":
		return "atime", nil
	case key == "size":
		if percent, ok := strings.CutSuffix(value, "%"); ok {
			if n, err := strconv.ParseUint(percent, 10, 7); err == nil && n <= 100 {
				return key, nil
			}
			return "", invalid("%q is not a share of memory; give a percentage up to 100%%", clip(value))
		}
		_, err := ParseSize(value)
		return key, err
	case key == "mode":
		if _, err := strconv.ParseUint(value, 8, 12); err != nil {
			return "", invalid("mode %q is not octal; give one such as 1777", clip(value))
		}
		return key, nil
	case key == "uid" || key == "gid":
		if _, err := strconv.ParseUint(value, 10, 31); err != nil {
			return "", invalid("%s %q is not an id; give a number", key, clip(value))
		}
		return key, nil
	case key == "nr_inodes" || key == "nr_blocks":
		_, err := ParseSize(value)
		return key, err
	}
	return "", invalid("tmpfs option %q is not known; give some of ro, size=, mode=, uid=, gid=, nr_inodes=, nosuid, nodev, noexec, notmpcopyup", clip(o))
}
