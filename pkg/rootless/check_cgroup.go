package rootless

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// checkCgroups looks at the controllers of the cgroup that containers' cgroups will be made below: the user manager's, or our own
// without a manager.
func (f Facts) checkCgroups() Finding {
	const check = "cgroups"
	if !f.exists("/sys/fs/cgroup/cgroup.controllers") {
		return Finding{check, Warning, "version 1 or hybrid: an ordinary user's containers cannot be limited", "boot with systemd.unified_cgroup_hierarchy=1"}
	}
	own, found := f.ownCgroup()
	if !found {
		return Finding{check, Warning, "version 2, but this process is in none of its groups", "log in again"}
	}
	dir := "/sys/fs/cgroup" + f.delegatedCgroup(own)
	text, _ := f.read(dir + "/cgroup.controllers")
	have := strings.Fields(text)
	var missing []string
	for _, want := range []string{"cpu", "cpuset", "io", "memory", "pids"} {
		if !slices.Contains(have, want) {
			missing = append(missing, want)
		}
	}
	switch {
	case len(missing) == 0:
		return ok(check, "version 2 (%s)", strings.Join(have, " "))
	case len(have) == 0:
		return Finding{check, Warning, "version 2, but no controller is delegated to " + f.name() + ": containers cannot be limited", f.delegateFix()}
	}
	return Finding{check, Warning, fmt.Sprintf("version 2, without %s (delegated: %s)", strings.Join(missing, " "), strings.Join(have, " ")), f.delegateFix()}
}

// ownCgroup is the cgroup of this process in the unified hierarchy.
func (f Facts) ownCgroup() (string, bool) {
	text, _ := f.read("/proc/self/cgroup")
	for line := range strings.Lines(text) {
		if path, found := strings.CutPrefix(strings.TrimSpace(line), "0::"); found {
			return strings.TrimSuffix(path, "/"), true
		}
	}
	return "", false
}

// delegatedCgroup cuts a path at the user manager's own group, below which it makes scopes for containers.
func (f Facts) delegatedCgroup(own string) string {
	manager := fmt.Sprintf("/user@%d.service", f.UID)
	if i := strings.Index(own, manager); i >= 0 {
		return own[:i+len(manager)]
	}
	slice := fmt.Sprintf("/user.slice/user-%d.slice%s", f.UID, manager)
	if f.exists("/sys/fs/cgroup" + slice) {
		return slice
	}
	return own
}

func (f Facts) delegateFix() string {
	if !f.hasSystemd() {
		return "as root, write the missing names, each with a +, to cgroup.subtree_control of every group above yours"
	}
	return `sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\nDelegate=cpu cpuset io memory pids\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload, then log in again`
}

func (f Facts) hasSystemd() bool { return f.exists("/run/systemd/system") }

// checkRuntimes gives a line for each OCI runtime that is there, or one that none is.
func (f Facts) checkRuntimes(ctx context.Context) []Finding {
	const check = "OCI runtime"
	var findings []Finding
	for _, name := range []string{"crun", "runc"} {
		tool, err := f.Tool(name)
		if err != nil {
			continue
		}
		out, err := f.Output(ctx, tool.Path, "--version")
		version, _, _ := strings.Cut(out, "\n")
		if err != nil {
			findings = append(findings, Finding{check, Warning, fmt.Sprintf("%s --version: %s", tool.Path, err), "install " + name + " again"})
			continue
		}
		findings = append(findings, ok(check, "%s (%s)", tool.Path, version))
	}
	if len(findings) == 0 {
		return []Finding{{check, Failure, "neither crun nor runc is installed", f.install("crun", "crun", "crun", "crun", "crun")}}
	}
	return findings
}
