package oci

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

// ExecOptions say how a further process differs from the container's first.
type ExecOptions struct {
	Args       []string
	Env        []string        // NAME=value, over the container's own
	Workdir    string          // absolute inside the container; empty: the container's
	User       *container.User // nil: the container's
	Terminal   bool
	Privileged bool
}

// ProcessSpec renders a further process in a running container: the same isolation as the first one has. The working
// directory is resolved by the runtime inside the container.
func ProcessSpec(cfg *container.Config, host Host, opts ExecOptions) (*specs.Process, error) {
	user := host.User
	if opts.User != nil {
		user = *opts.User
	}
	if len(opts.Args) == 0 {
		return nil, &container.InvalidError{Text: "there is no command to execute; give one after the container's name"}
	}
	// The same rules hold as for the first process, so the same code judges them.
	check := container.NewConfig()
	check.Process = container.Process{Args: opts.Args, Env: opts.Env, Workdir: opts.Workdir}
	if err := check.Validate(); err != nil {
		return nil, err
	}
	p, err := newProcess(cfg, host, user, cfg.Security.Privileged || opts.Privileged)
	if err != nil {
		return nil, err
	}
	p.Args = opts.Args
	p.Terminal = opts.Terminal
	if opts.Terminal {
		p.Env = container.MergeEnv([]string{"TERM=xterm"}, p.Env)
	}
	p.Env = container.MergeEnv(p.Env, opts.Env)
	if opts.Workdir != "" {
		p.Cwd = opts.Workdir
	}
	return p, nil
}

// newProcess renders what every process of a container has in common.
func newProcess(cfg *container.Config, host Host, user container.User, privileged bool) (*specs.Process, error) {
	u, err := processUser(cfg, host, user)
	if err != nil {
		return nil, err
	}
	caps, err := capabilities(cfg, host, user, privileged)
	if err != nil {
		return nil, err
	}
	p := &specs.Process{
		Terminal:        cfg.Process.Terminal,
		User:            u,
		Env:             processEnv(cfg, host, user),
		Cwd:             cfg.Process.Workdir,
		Capabilities:    caps,
		NoNewPrivileges: cfg.Security.NoNewPrivileges,
		SelinuxLabel:    host.ProcessLabel,
	}
	if p.ApparmorProfile, err = apparmor(cfg, host, privileged); err != nil {
		return nil, err
	}
	if p.Rlimits, err = rlimits(cfg, host); err != nil {
		return nil, err
	}
	p.OOMScoreAdj = cfg.Process.OOMScoreAdj
	if adj := p.OOMScoreAdj; adj != nil && *adj < host.OOMScoreAdj && !has(host, "CAP_SYS_RESOURCE", true) {
		return nil, hint.Wrap(fmt.Errorf("give %q the OOM score adjustment %d: your own is %d, and an unprivileged process cannot get less",
			cfg.Name, *adj, host.OOMScoreAdj), fmt.Sprintf("use --oom-score-adj %d or more", host.OOMScoreAdj))
	}
	return p, nil
}

func processUser(cfg *container.Config, host Host, user container.User) (specs.User, error) {
	umask := cfg.Process.Umask
	u := specs.User{UID: user.UID, GID: user.GID, Umask: &umask}
	if !slices.Contains(cfg.Process.Groups, container.KeepGroups) {
		u.AdditionalGids = append(append([]uint32{user.GID}, user.Groups...), host.Groups...)
		slices.Sort(u.AdditionalGids)
		u.AdditionalGids = slices.Compact(u.AdditionalGids)
	}
	if !mapped(host.UIDs, u.UID) {
		return u, notMapped("user", u.UID)
	}
	for _, gid := range append([]uint32{u.GID}, u.AdditionalGids...) {
		if !mapped(host.GIDs, gid) {
			return u, notMapped("group", gid)
		}
	}
	return u, nil
}

func notMapped(kind string, id uint32) error {
	file, flag := "/etc/subuid", "uids"
	if kind == "group" {
		file, flag = "/etc/subgid", "gids"
	}
	return hint.Wrap(fmt.Errorf("run as %s %d: the id is outside the range you have in %s", kind, id, file),
		fmt.Sprintf("sudo usermod --add-sub%s START-END $USER, with a range larger than %d", flag, id))
}

// processEnv adds what depends on the user and on the start, unless it was set or refused.
func processEnv(cfg *container.Config, host Host, user container.User) []string {
	p := cfg.Process
	home := user.Home
	if home == "" {
		home = "/"
	}
	env := slices.Clone(p.Env)
	for _, kv := range [][2]string{{"HOME", home}, {"HOSTNAME", Hostname(cfg, host)}} {
		set := slices.ContainsFunc(env, func(e string) bool { return strings.HasPrefix(e, kv[0]+"=") })
		// Runtimes set HOME when it is missing, but not all of them for users that the image does not know.
		refused := p.UnsetEnvAll && kv[0] != "HOME"
		if !set && !refused && !slices.Contains(p.UnsetEnv, kv[0]) && kv[1] != "" {
			env = append(env, kv[0]+"="+kv[1])
		}
	}
	return env
}

func apparmor(cfg *container.Config, host Host, privileged bool) (string, error) {
	profile := cfg.Security.AppArmor
	switch {
	case profile == "" && !privileged && host.AppArmor:
		return host.AppArmorProfile, nil
	case profile == "" || profile == "unconfined" && !host.AppArmor:
		return "", nil
	case !host.AppArmor:
		return "", hint.Wrap(fmt.Errorf("confine %q by AppArmor profile %q: profiles cannot be chosen here", cfg.Name, profile),
			"leave out --security-opt apparmor="+profile)
	}
	return profile, nil
}

// rlimits hands on the limits that the engine's own processes may have raised, and adds those that were asked for. A limit
// above the caller's hard one is refused: setrlimit(2) would refuse it later, naming nothing.
func rlimits(cfg *container.Config, host Host) ([]specs.POSIXRlimit, error) {
	var out []specs.POSIXRlimit
	for _, name := range []string{"nofile", "nproc"} {
		asked := slices.ContainsFunc(cfg.Process.Ulimits, func(u container.Ulimit) bool { return u.Name == name })
		if l, known := host.Rlimits[name]; known && !asked {
			out = append(out, specs.POSIXRlimit{Type: rlimitType(name), Soft: min(l.Soft, l.Hard), Hard: l.Hard})
		}
	}
	for _, u := range cfg.Process.Ulimits {
		soft, hard := limitValue(u.Soft), limitValue(u.Hard)
		if l, known := host.Rlimits[u.Name]; known && hard > l.Hard && !has(host, "CAP_SYS_RESOURCE", true) {
			return nil, hint.Wrap(fmt.Errorf("give %q the ulimit %s=%s: your own hard limit is %d", cfg.Name, u.Name, limitText(u.Hard), l.Hard),
				fmt.Sprintf("use --ulimit %s=%d, or raise your limit in /etc/security/limits.conf", u.Name, l.Hard))
		}
		out = append(out, specs.POSIXRlimit{Type: rlimitType(u.Name), Soft: soft, Hard: hard})
	}
	slices.SortFunc(out, func(a, b specs.POSIXRlimit) int { return strings.Compare(a.Type, b.Type) })
	return out, nil
}

func rlimitType(name string) string { return "RLIMIT_" + strings.ToUpper(name) }

func limitValue(n int64) uint64 {
	if n < 0 {
		return math.MaxUint64
	}
	return uint64(n)
}

func limitText(n int64) string {
	if n < 0 {
		return "unlimited"
	}
	return fmt.Sprint(n)
}
