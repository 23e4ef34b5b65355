package container

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Defaults are what containers.conf(5) says in its table [containers] about containers for which a person has chosen nothing.
// A nil or empty value says nothing. Keys that are not here are not honoured.
type Defaults struct {
	Annotations  []string `toml:"annotations"`
	Capabilities []string `toml:"default_capabilities"`
	CgroupNS     string   `toml:"cgroupns"`
	Cgroups      string   `toml:"cgroups"`
	Devices      []string `toml:"devices"`
	DNSOptions   []string `toml:"dns_options"`
	DNSSearches  []string `toml:"dns_searches"`
	DNSServers   []string `toml:"dns_servers"`
	Env          []string `toml:"env"`
	Init         *bool    `toml:"init"`
	IPCNS        string   `toml:"ipcns"`
	Label        *bool    `toml:"label"`
	LogDriver    string   `toml:"log_driver"`
	LogSizeMax   *int64   `toml:"log_size_max"` // bytes; not above zero: no limit
	LogTag       string   `toml:"log_tag"`
	NoHosts      *bool    `toml:"no_hosts"`
	OOMScoreAdj  *int     `toml:"oom_score_adj"`
	PidNS        string   `toml:"pidns"`
	PidsLimit    *int64   `toml:"pids_limit"`
	Privileged   *bool    `toml:"privileged"`
	ReadOnly     *bool    `toml:"read_only"`
	ShmSize      string   `toml:"shm_size"`
	StopTimeout  *uint    `toml:"-"` // stop_timeout of the table [engine]
	Sysctls      []string `toml:"default_sysctls"`
	TZ           string   `toml:"tz"`
	Ulimits      []string `toml:"default_ulimits"`
	Umask        string   `toml:"umask"`
	UTSNS        string   `toml:"utsns"`
	Volumes      []string `toml:"volumes"`
}

// A fallback is one key: it is applied unless the flag that speaks of the same was given. Without a flag it is applied
// always, and add leaves alone what a person has chosen.
type fallback struct {
	key, flag string
	values    []string
	add       func(string) error
}

// ApplyDefaults fills in d where c, which comes from flags and is not validated yet, was given nothing. given reports
// whether a flag of run was. An error names the key.
func (c *Config) ApplyDefaults(d Defaults, given func(flag string) bool) error {
	for _, f := range slices.Concat(c.processFallbacks(d), c.namespaceFallbacks(d), c.endFallbacks(d)) {
		if f.flag != "" && given(f.flag) {
			continue
		}
		for _, value := range f.values {
			if err := f.add(value); err != nil {
				return fmt.Errorf("%s in containers.conf: %w", f.key, err)
			}
		}
	}
	return nil
}

func (c *Config) processFallbacks(d Defaults) []fallback {
	p, s := &c.Process, &c.Security
	return []fallback{
		{"annotations", "", d.Annotations, keepKeys(&c.Annotations, ParseLabel)},
		{"default_capabilities", "", d.Capabilities, func(v string) error { return addParsed(&s.Capabilities, v, ParseCapability) }},
		{"default_ulimits", "", d.Ulimits, func(v string) error {
			u, err := ParseUlimit(v)
			if err == nil && !slices.ContainsFunc(p.Ulimits, func(other Ulimit) bool { return other.Name == u.Name }) {
				p.Ulimits = append(p.Ulimits, u)
			}
			return err
		}},
		{"env", "", d.Env, func(v string) error {
			env, err := ParseEnv(v, nil)
			p.DefaultEnv = append(p.DefaultEnv, env...)
			return err
		}},
		{"init", "init", oneBool(d.Init), setBool(&p.Init)},
		{"label", "security-opt", oneBool(d.Label), func(v string) error {
			if v == "false" {
				s.Label = []string{"disable"}
			}
			return nil
		}},
		{"oom_score_adj", "oom-score-adj", oneInt(d.OOMScoreAdj), setPointer(&p.OOMScoreAdj, ParseOOMScoreAdj)},
		{"privileged", "privileged", oneBool(d.Privileged), setBool(&s.Privileged)},
		{"umask", "umask", one(d.Umask), setTo(&p.Umask, ParseUmask)},
	}
}

func (c *Config) namespaceFallbacks(d Defaults) []fallback {
	n, net, r := &c.Namespace, &c.Network, &c.Resources
	mode := func(kind string, to *string) func(string) error {
		return setTo(to, func(s string) (string, error) { return ParseNamespace(kind, s) })
	}
	word := func(to *[]string) func(string) error {
		return func(v string) error { *to = append(*to, v); return nil }
	}
	volume := func(s string) (Mount, error) { return ParseVolume(s, "/") }
	return []fallback{
		{"cgroupns", "cgroupns", one(d.CgroupNS), mode("cgroup", &n.Cgroup)},
		{"cgroups", "cgroups", one(d.Cgroups), setTo(&r.Cgroups, verbatim)},
		{"devices", "", d.Devices, func(v string) error { return addParsed(&c.Devices, v, ParseDevice) }},
		{"dns_options", "dns-option", d.DNSOptions, word(&net.DNSOptions)},
		{"dns_searches", "dns-search", d.DNSSearches, word(&net.DNSSearch)},
		{"dns_servers", "dns", d.DNSServers, word(&net.DNS)},
		{"ipcns", "ipc", one(d.IPCNS), mode("ipc", &n.IPC)},
		{"no_hosts", "no-hosts", oneBool(d.NoHosts), setBool(&net.NoHosts)},
		{"pidns", "pid", one(d.PidNS), mode("pid", &n.PID)},
		{"pids_limit", "pids-limit", oneInt(d.PidsLimit), setPointer(&r.PidsLimit, ParsePidsLimit)},
		{"read_only", "read-only", oneBool(d.ReadOnly), setBool(&c.Root.ReadOnly)},
		{"shm_size", "shm-size", one(d.ShmSize), setTo(&r.ShmSize, ParseSize)},
		{"utsns", "uts", one(d.UTSNS), mode("uts", &n.UTS)},
		{"volumes", "", d.Volumes, func(v string) error { return addParsed(&c.Mounts, v, volume) }},
	}
}

// endFallbacks are applied last and in this order: sysctls need to know the namespaces, and a size the driver.
func (c *Config) endFallbacks(d Defaults) []fallback {
	option := func(key string) func(string) error {
		return func(v string) error {
			// A size or a tag that a person gave stays, and so does a driver that has none.
			if key == "max-size" && (c.Log.MaxSize != 0 || c.Log.Driver != LogK8sFile && c.Log.Driver != LogJSONFile) || key == "tag" && c.Log.Tag != "" {
				return nil
			}
			return c.Log.SetOption(key+"="+v, "/")
		}
	}
	size := oneInt(d.LogSizeMax)
	if d.LogSizeMax != nil && *d.LogSizeMax <= 0 {
		size = nil
	}
	sysctl := keepKeys(&c.Security.Sysctls, ParseSysctl)
	return []fallback{
		// Debian's containers.conf has one of the network, which is not for a container in the host's.
		{"default_sysctls", "", d.Sysctls, func(v string) error {
			name, _, err := ParseSysctl(v)
			if err == nil && c.ownsSysctl(name) {
				err = sysctl(v)
			}
			return err
		}},
		{"log_driver", "log-driver", one(d.LogDriver), setTo(&c.Log.Driver, ParseLogDriver)},
		{"log_size_max", "", size, option("max-size")},
		{"log_tag", "", one(d.LogTag), option("tag")},
		{"stop_timeout", "stop-timeout", oneInt(d.StopTimeout), setTo(&c.Stop.Timeout, func(s string) (uint, error) {
			n, err := strconv.ParseUint(s, 10, 32)
			return uint(n), err
		})},
		{"tz", "tz", one(d.TZ), setTo(&c.Timezone, verbatim)},
	}
}

func one(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func oneBool(b *bool) []string {
	if b == nil {
		return nil
	}
	return []string{strconv.FormatBool(*b)}
}

func oneInt[T int | int64 | uint](n *T) []string {
	if n == nil {
		return nil
	}
	return []string{fmt.Sprint(*n)}
}

func verbatim(s string) (string, error) { return strings.TrimSpace(s), nil }

func setBool(to *bool) func(string) error { return setTo(to, strconv.ParseBool) }

func setTo[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(s string) (err error) { *to, err = parse(s); return err }
}

func setPointer[T any](to **T, parse func(string) (T, error)) func(string) error {
	return func(s string) error {
		v, err := parse(s)
		*to = &v
		return err
	}
}

func addParsed[T any](to *[]T, s string, parse func(string) (T, error)) error {
	v, err := parse(s)
	if err == nil {
		*to = append(*to, v)
	}
	return err
}

// keepKeys adds KEY=VALUE to a map unless the key is there.
func keepKeys(to *map[string]string, parse func(string) (string, string, error)) func(string) error {
	return func(s string) error {
		key, value, err := parse(s)
		if _, there := (*to)[key]; err != nil || there {
			return err
		}
		if *to == nil {
			*to = make(map[string]string)
		}
		(*to)[key] = value
		return nil
	}
}
