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

// checkUserManager: scopes for containers are made by the user's systemd.
func (f Facts) checkUserManager() Finding {
	const check = "systemd user manager"
	if !f.hasSystemd() {
		return ok(check, "not needed: this machine does not run systemd")
	}
	for _, socket := range []string{"/systemd/private", "/bus"} {
		if f.exists(f.RuntimeDir + socket) {
			return ok(check, "%s", f.RuntimeDir+socket)
		}
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
