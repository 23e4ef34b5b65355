package rootless

import "fmt"

func (f Facts) checkRuntimeDir() Finding {
	const check = "XDG_RUNTIME_DIR"
	base, said := f.RuntimeDir, f.Env(check)
	fix := fmt.Sprintf("log in through the console or ssh, or: export XDG_RUNTIME_DIR=/run/user/%d", f.UID)
	switch {
	case said == base:
		return ok(check, "%s", base)
	case said == "":
		return Finding{check, Warning, "not set; " + base + " is used", fix}
	}
	return Finding{check, Warning, fmt.Sprintf("%s is not a directory of yours; %s is used", said, base), fix}
}

// checkUserManager: scopes for containers are made by the user's systemd, which OCI runtimes ask over the message bus.
func (f Facts) checkUserManager() Finding {
	const check = "systemd user manager"
	if !f.hasSystemd() {
		return ok(check, "not needed: this machine does not run systemd")
	}
	bus := f.RuntimeDir + "/bus"
	switch {
	case f.exists(bus):
		return ok(check, "%s", bus)
	case f.exists(f.RuntimeDir + "/systemd/private"):
		return Finding{check, Warning, "without a message bus (" + bus + "): containers cannot be limited", f.install("dbus-user-session", "dbus-daemon", "dbus-daemon", "dbus-1", "dbus") + ", then log in again"}
	}
	return Finding{check, Warning, "not running: containers cannot be limited by systemd", "sudo loginctl enable-linger " + f.name()}
}

func (f Facts) checkLinger() Finding {
	const check = "lingering"
	switch {
	case !f.hasSystemd():
		return ok(check, "not needed: this machine does not run systemd")
	case f.exists("/var/lib/systemd/linger/" + f.name()):
		return ok(check, "enabled for %s", f.name())
	}
	return Finding{check, Warning, "not enabled: systemd ends containers when you log out, and starts none at boot", "loginctl enable-linger " + f.name()}
}
