package rootless

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// checkKernel compares with 5.13, the first kernel with overlay mounts that an unprivileged user namespace may make and
// that keep SELinux labels.
func (f Facts) checkKernel() Finding {
	const check = "kernel"
	major, rest, _ := strings.Cut(f.Kernel, ".")
	minor := strings.FieldsFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	a, err := strconv.Atoi(major)
	if err != nil || len(minor) == 0 {
		return Finding{check, Warning, fmt.Sprintf("release %q cannot be understood", f.Kernel), "check that it is Linux 5.13 or newer"}
	}
	if b, _ := strconv.Atoi(minor[0]); a < 5 || a == 5 && b < 13 {
		return Finding{check, Failure, "Linux " + f.Kernel + " is too old", "use Linux 5.13 or newer"}
	}
	return ok(check, "Linux %s", f.Kernel)
}

// checkNewPrivileges: with no_new_privs, set-user-id programs, and so newuidmap, gain nothing.
func (f Facts) checkNewPrivileges() Finding {
	const check = "no_new_privs"
	status, _ := f.read("/proc/self/status")
	for line := range strings.Lines(status) {
		if key, value, _ := strings.Cut(line, ":"); key == "NoNewPrivs" && strings.TrimSpace(value) != "0" {
			return Finding{check, Failure, "set for this process: newuidmap cannot work", "start pod outside of services with NoNewPrivileges=yes and of containers with no-new-privileges"}
		}
	}
	return ok(check, "not set")
}

// made reports that the probe got as far as a usable user namespace.
func (p ProbeResult) made() bool {
	return p.Ran == nil && p.Step != 'u' && p.Step != 'm' && p.Step != 's'
}

// checkUserNamespaces names the first known switch that forbids what the probe found forbidden.
func (f Facts) checkUserNamespaces(p ProbeResult) Finding {
	const check = "user namespaces"
	limit, _ := f.read("/proc/sys/user/max_user_namespaces")
	fail := func(text, fix string) Finding { return Finding{check, Failure, text, fix} }
	if p.made() {
		return ok(check, "can be made (at most %s)", limit)
	}
	clone, _ := f.read("/proc/sys/kernel/unprivileged_userns_clone")
	restricted, _ := f.read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
	switch {
	case limit == "0":
		return fail("user.max_user_namespaces is 0", sysctlFix("user.max_user_namespaces=28633"))
	case clone == "0":
		return fail("kernel.unprivileged_userns_clone is 0", sysctlFix("kernel.unprivileged_userns_clone=1"))
	case restricted == "1":
		return fail("AppArmor restricts them (kernel.apparmor_restrict_unprivileged_userns is 1)", apparmorFix())
	case p.Err == unix.ENOSPC:
		return fail("all "+limit+" that user.max_user_namespaces allows are in use", sysctlFix("user.max_user_namespaces=100000"))
	case p.Ran != nil:
		return Finding{check, Warning, "not tried: " + p.Ran.Error(), "make the data directory writable, or set XDG_DATA_HOME"}
	case p.Err == unix.ENOSYS || !f.exists("/proc/self/ns/user"):
		return fail("this kernel was built without them", "use a kernel with CONFIG_USER_NS")
	case p.Step == 'm' || p.Err == unix.EPERM || p.Err == unix.EACCES:
		return fail("a seccomp filter or a security policy forbids them", "in a container: start the outer one with --security-opt seccomp=unconfined; in a service: remove RestrictNamespaces")
	}
	return fail(p.Err.Error(), "look into the kernel's log: sudo dmesg")
}

// sysctlFix sets a kernel parameter now and for later boots.
func sysctlFix(setting string) string {
	return "echo " + setting + " | sudo tee /etc/sysctl.d/90-pod.conf && sudo sysctl --system"
}

// apparmorFix names a profile that allows this one program to use user namespaces, which is narrower than the sysctl.
func apparmorFix() string {
	return `printf 'abi <abi/4.0>,\ninclude <tunables/global>\nprofile pod ` + executable() + ` flags=(unconfined) {\n  userns,\n}\n' | sudo tee /etc/apparmor.d/pod && sudo systemctl reload apparmor` +
		` (or, for all programs: ` + sysctlFix("kernel.apparmor_restrict_unprivileged_userns=0") + `)`
}

// checkKeys: runtimes give every container a session keyring, and a user's number of keys is limited (keyrings(7)).
func (f Facts) checkKeys() Finding {
	const check = "kernel keys"
	text, found := f.read("/proc/sys/kernel/keys/maxkeys")
	limit, err := strconv.Atoi(text)
	if !found || err != nil {
		return ok(check, "not limited here")
	}
	used := f.keysUsed()
	if used*5 >= limit*4 {
		return Finding{check, Warning, fmt.Sprintf("%d of %d in use; each container needs one", used, limit), sysctlFix("kernel.keys.maxkeys=2000")}
	}
	return ok(check, "%d of %d in use", used, limit)
}

// keysUsed reads /proc/key-users: "UID: usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes".
func (f Facts) keysUsed() int {
	text, _ := f.read("/proc/key-users")
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != fmt.Sprintf("%d:", f.UID) {
			continue
		}
		used, _, _ := strings.Cut(fields[3], "/")
		n, _ := strconv.Atoi(used)
		return n
	}
	return 0
}
