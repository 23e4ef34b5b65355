package container

import (
	"slices"
	"strings"
)

// Capabilities lists every capability that Linux has, in the order of their numbers.
func Capabilities() []string {
	return []string{
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST",
		"CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO",
		"CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE",
		"CAP_SYS_RESOURCE", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE",
		"CAP_AUDIT_CONTROL", "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	}
}

// ParseCapability gives the full name of a capability, or "ALL". Case and the prefix CAP_ do not matter.
func ParseCapability(s string) (string, error) {
	name := strings.ToUpper(s)
	if name == "ALL" || name == "CAP_ALL" {
		return "ALL", nil
	}
	if !strings.HasPrefix(name, "CAP_") {
		name = "CAP_" + name
	}
	if !slices.Contains(Capabilities(), name) {
		return "", invalid("%q is not a capability; give a name of capabilities(7) such as NET_ADMIN, or ALL", clip(s))
	}
	return name, nil
}

func checkCapabilities(s Security) error {
	for _, list := range [][]string{s.CapAdd, s.CapDrop} {
		for _, c := range list {
			if full, err := ParseCapability(c); err != nil {
				return err
			} else if full != c {
				return invalid("capability %q is not written in full; write %q", c, full)
			}
		}
	}
	for _, c := range s.CapAdd {
		if slices.Contains(s.CapDrop, c) {
			return invalid("%s is both added and dropped; give only one of --cap-add and --cap-drop for it", c)
		}
	}
	return nil
}
