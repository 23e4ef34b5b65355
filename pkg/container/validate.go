package container

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Validate checks everything that can be known without looking at the image or at the host. It is pure. Its errors are
// *InvalidError; the first mistake found is returned.
func (c *Config) Validate() error {
	for _, check := range []func() error{
		c.checkIdentity, c.checkMetadata, c.checkProcess, c.checkFiles, c.checkNamespaces,
		func() error { return checkNetwork(c.Network) },
		func() error { return checkResources(c.Resources) },
		func() error { return checkSecurity(c.Security) },
		func() error { return checkCapabilities(c.Security) },
		func() error { return checkLog(c.Log) },
		c.checkEnd,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) checkIdentity() error {
	if c.ID != "" && (len(c.ID) != 64 || strings.Trim(c.ID, "0123456789abcdef") != "") {
		return invalid("%q is not a container id; give 64 lower-case hexadecimal digits", clip(c.ID))
	}
	if c.Name != "" {
		if err := CheckName(c.Name); err != nil {
			return err
		}
	}
	for _, p := range []string{c.PIDFile, c.CIDFile} {
		if p != "" && (!path.IsAbs(p) || hasControl(p)) {
			return invalid("%q is not an absolute path; give the absolute path of a file", clip(p))
		}
	}
	if c.PIDFile != "" && c.PIDFile == c.CIDFile {
		return invalid("--pidfile and --cidfile name the same file; give each its own")
	}
	return nil
}

func (c *Config) checkMetadata() error {
	if err := checkHostname(c.Hostname); err != nil {
		return err
	}
	for _, labels := range []map[string]string{c.Labels, c.Annotations} {
		for k, v := range labels {
			if err := checkLabel(k, v); err != nil {
				return err
			}
		}
	}
	return checkTimezone(c.Timezone)
}

func (c *Config) checkProcess() error {
	p := c.Process
	for _, list := range [][]string{p.Entrypoint, p.Args} {
		for _, arg := range list {
			if err := checkText("an argument", arg); err != nil {
				return err
			}
		}
	}
	for _, entry := range p.Env {
		name, _, ok := strings.Cut(entry, "=")
		if !ok {
			return invalid("variable %q has no value; give NAME=VALUE", clip(entry))
		}
		if err := checkEnvName(entry, name); err != nil {
			return err
		}
		if err := checkText("variable "+clip(name), entry); err != nil {
			return err
		}
	}
	if err := checkWorkdir(p.Workdir); err != nil {
		return err
	}
	if err := CheckUser(p.User); err != nil {
		return err
	}
	if err := checkGroups(p.Groups); err != nil {
		return err
	}
	if p.Umask > 0o777 {
		return invalid("umask %#o is above 0777; give three octal digits", p.Umask)
	}
	if p.OOMScoreAdj != nil && (*p.OOMScoreAdj < -1000 || *p.OOMScoreAdj > 1000) {
		return invalid("--oom-score-adj %d is out of range; give a number from -1000 to 1000", *p.OOMScoreAdj)
	}
	return checkUlimits(p.Ulimits)
}

func checkUlimits(limits []Ulimit) error {
	for i, u := range limits {
		if err := checkUlimit(u); err != nil {
			return err
		}
		for _, other := range limits[:i] {
			if other.Name == u.Name {
				return invalid("ulimit %q is given twice; give it once", u.Name)
			}
		}
	}
	return nil
}

func checkGroups(groups []string) error {
	for _, g := range groups {
		if g == KeepGroups {
			if len(groups) > 1 {
				return invalid("--group-add %s stands alone; leave out the other groups", KeepGroups)
			}
			continue
		}
		if err := checkPrincipal("group", g); err != nil {
			return err
		}
	}
	return nil
}

// checkWorkdir refuses /proc: a path such as /proc/self/fd/7 has led to directories of the host that a runtime
// held open (CVE-2024-21626).
func checkWorkdir(p string) error {
	switch {
	case p == "":
		return nil
	case !strings.HasPrefix(p, "/"):
		return invalid("working directory %q is not absolute; give an absolute path inside the container", clip(p))
	case strings.IndexByte(p, 0) >= 0 || len(p) > 4095:
		return invalid("working directory %q cannot be a path; give one of at most 4095 bytes", clip(p))
	}
	if clean := path.Clean(p); clean == "/proc" || strings.HasPrefix(clean, "/proc/") {
		return invalid("working directory %q can lead out of the container; give one outside /proc", clip(p))
	}
	return nil
}

func (c *Config) checkFiles() error {
	taken := make(map[string]bool)
	for _, m := range c.Mounts {
		if err := checkMount(m); err != nil {
			return err
		}
		if taken[m.Destination] {
			return invalid("two mounts have the destination %q; give each its own", clip(m.Destination))
		}
		taken[m.Destination] = true
	}
	for _, d := range c.Devices {
		if err := checkDevice(d); err != nil {
			return err
		}
		if d.CDI != "" {
			continue
		}
		if taken[d.Destination] {
			return invalid("two mounts or devices have the destination %q; give each its own", clip(d.Destination))
		}
		taken[d.Destination] = true
	}
	return nil
}

func (c *Config) checkNamespaces() error {
	n := c.Namespace
	for _, ns := range [][2]string{{"pid", n.PID}, {"ipc", n.IPC}, {"uts", n.UTS}, {"cgroup", n.Cgroup}} {
		if err := checkNamespace(ns[0], ns[1]); err != nil {
			return err
		}
	}
	if c.Hostname != "" && n.UTS != "" {
		return invalid("--hostname names a container's own UTS namespace; leave it out, or --uts %s", n.UTS)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Security.Sysctls)) {
		if err := checkSysctl(name, c.Security.Sysctls[name]); err != nil {
			return err
		}
		if c.ownsSysctl(name) {
			continue
		}
		if sysctlNamespace(name) == "net" {
			return invalid("sysctl %q would change another network; leave it out, or --network %s", name, c.Network.Mode)
		}
		return invalid("sysctl %q would change another IPC namespace; leave it out, or --ipc %s", name, n.IPC)
	}
	return nil
}

// ownsSysctl reports whether the container has a namespace of its own of the kind that a sysctl belongs to.
func (c *Config) ownsSysctl(name string) bool {
	switch sysctlNamespace(name) {
	case "net":
		return c.Network.OwnsNetwork()
	case "ipc":
		return slices.Contains([]string{"", "shareable", "none"}, c.Namespace.IPC)
	}
	return true
}

func (c *Config) checkEnd() error {
	if err := checkRestart(c.Restart); err != nil {
		return err
	}
	if c.Remove && c.Restart.Policy != RestartNo {
		return invalid("--rm removes what --restart %s would start again; give one of them", c.Restart.Policy)
	}
	if c.Log.Driver == LogPassthrough && c.Process.Terminal {
		return invalid("log driver passthrough hands on the caller's own streams; leave out --tty, or give another --log-driver")
	}
	if c.Stop.Signal != "" {
		if _, err := ParseSignal(c.Stop.Signal); err != nil {
			return err
		}
	}
	return nil
}

// ParseUmask reads up to four octal digits.
func ParseUmask(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 8, 32)
	if err != nil || n > 0o777 || len(s) > 4 {
		return 0, invalid("%q is not a umask; give three octal digits such as 0022", clip(s))
	}
	return uint32(n), nil
}

// ParseEntrypoint reads the value of --entrypoint: a JSON array of strings, or else one program. An empty value gives an
// empty entrypoint that is not nil: the image's is cleared.
func ParseEntrypoint(s string) ([]string, error) {
	if s == "" {
		return []string{}, nil
	}
	if strings.HasPrefix(s, "[") {
		var list []string
		if err := json.Unmarshal([]byte(s), &list); err != nil {
			return nil, invalid("%q is not a JSON array of strings; give one, or a single program", clip(s))
		}
		return append([]string{}, list...), nil
	}
	return []string{s}, nil
}

// ParseOOMScoreAdj reads a preference of the out-of-memory killer.
func ParseOOMScoreAdj(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < -1000 || n > 1000 {
		return 0, invalid("%q is out of range; give a number from -1000 to 1000", clip(s))
	}
	return n, nil
}
