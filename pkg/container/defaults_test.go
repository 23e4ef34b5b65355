package container

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func pointer[T any](v T) *T { return &v }

// Each key reaches its field, and the flag that speaks of the same keeps it out.
func TestApplyDefaults(t *testing.T) {
	for _, test := range []struct {
		name, flag string
		defaults   Defaults
		value      func(*Config) any
		want       any
	}{
		{"annotations", "", Defaults{Annotations: []string{"a=1"}}, func(c *Config) any { return c.Annotations }, map[string]string{"a": "1"}},
		{"default_capabilities", "", Defaults{Capabilities: []string{"CHOWN", "CAP_KILL"}}, func(c *Config) any { return c.Security.Capabilities }, []string{"CAP_CHOWN", "CAP_KILL"}},
		{"cgroupns", "cgroupns", Defaults{CgroupNS: "host"}, func(c *Config) any { return c.Namespace.Cgroup }, "host"},
		{"cgroups", "cgroups", Defaults{Cgroups: "disabled"}, func(c *Config) any { return c.Resources.Cgroups }, "disabled"},
		{"devices", "", Defaults{Devices: []string{"/dev/fuse"}}, func(c *Config) any { return len(c.Devices) }, 1},
		{"dns_options", "dns-option", Defaults{DNSOptions: []string{"ndots:2"}}, func(c *Config) any { return c.Network.DNSOptions }, []string{"ndots:2"}},
		{"dns_searches", "dns-search", Defaults{DNSSearches: []string{"a.example"}}, func(c *Config) any { return c.Network.DNSSearch }, []string{"a.example"}},
		{"dns_servers", "dns", Defaults{DNSServers: []string{"192.0.2.1"}}, func(c *Config) any { return c.Network.DNS }, []string{"192.0.2.1"}},
		{"env", "", Defaults{Env: []string{"A=1"}}, func(c *Config) any { return c.Process.DefaultEnv }, []string{"A=1"}},
		{"init", "init", Defaults{Init: pointer(true)}, func(c *Config) any { return c.Process.Init }, true},
		{"ipcns", "ipc", Defaults{IPCNS: "shareable"}, func(c *Config) any { return c.Namespace.IPC }, "shareable"},
		{"label", "security-opt", Defaults{Label: pointer(false)}, func(c *Config) any { return c.Security.Label }, []string{"disable"}},
		{"log_driver", "log-driver", Defaults{LogDriver: "json-file"}, func(c *Config) any { return c.Log.Driver }, LogJSONFile},
		{"log_size_max", "", Defaults{LogSizeMax: pointer(int64(4096))}, func(c *Config) any { return c.Log.MaxSize }, int64(4096)},
		{"log_tag", "", Defaults{LogTag: "t"}, func(c *Config) any { return c.Log.Tag }, "t"},
		{"no_hosts", "no-hosts", Defaults{NoHosts: pointer(true)}, func(c *Config) any { return c.Network.NoHosts }, true},
		{"oom_score_adj", "oom-score-adj", Defaults{OOMScoreAdj: pointer(5)}, func(c *Config) any { return c.Process.OOMScoreAdj }, pointer(5)},
		{"pidns", "pid", Defaults{PidNS: "host"}, func(c *Config) any { return c.Namespace.PID }, "host"},
		{"pids_limit", "pids-limit", Defaults{PidsLimit: pointer(int64(7))}, func(c *Config) any { return c.Resources.PidsLimit }, pointer(int64(7))},
		{"privileged", "privileged", Defaults{Privileged: pointer(true)}, func(c *Config) any { return c.Security.Privileged }, true},
		{"read_only", "read-only", Defaults{ReadOnly: pointer(true)}, func(c *Config) any { return c.Root.ReadOnly }, true},
		{"shm_size", "shm-size", Defaults{ShmSize: "1m"}, func(c *Config) any { return c.Resources.ShmSize }, int64(1 << 20)},
		{"stop_timeout", "stop-timeout", Defaults{StopTimeout: pointer(uint(3))}, func(c *Config) any { return c.Stop.Timeout }, uint(3)},
		{"default_sysctls", "", Defaults{Sysctls: []string{"net.ipv4.ping_group_range=0 0"}}, func(c *Config) any { return c.Security.Sysctls }, map[string]string{"net.ipv4.ping_group_range": "0 0"}},
		{"tz", "tz", Defaults{TZ: "local"}, func(c *Config) any { return c.Timezone }, "local"},
		{"default_ulimits", "", Defaults{Ulimits: []string{"nofile=10:20"}}, func(c *Config) any { return c.Process.Ulimits }, []Ulimit{{"nofile", 10, 20}}},
		{"umask", "umask", Defaults{Umask: "0077"}, func(c *Config) any { return c.Process.Umask }, uint32(0o077)},
		{"utsns", "uts", Defaults{UTSNS: "host"}, func(c *Config) any { return c.Namespace.UTS }, "host"},
		{"volumes", "", Defaults{Volumes: []string{"/a:/b"}}, func(c *Config) any { return len(c.Mounts) }, 1},
	} {
		c := NewConfig()
		if err := c.ApplyDefaults(test.defaults, func(string) bool { return false }); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		if got := test.value(c); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		if test.flag == "" {
			continue
		}
		c = NewConfig()
		untouched := test.value(NewConfig())
		err := c.ApplyDefaults(test.defaults, func(flag string) bool { return flag == test.flag })
		if got := test.value(c); err != nil || !reflect.DeepEqual(got, untouched) {
			t.Errorf("%s with --%s: got %v, %v; want %v", test.name, test.flag, got, err, untouched)
		}
	}
	if tested, keys := 29, reflect.TypeFor[Defaults]().NumField(); tested != keys {
		t.Errorf("%d of %d keys are tested", tested, keys)
	}
}

// What has a name of its own is merged: a person's choice for that name wins.
func TestApplyDefaultsMerges(t *testing.T) {
	c := NewConfig()
	c.Annotations = map[string]string{"a": "mine"}
	c.Security.Sysctls = map[string]string{"net.a": "mine"}
	c.Process.Ulimits = []Ulimit{{"nofile", 1, 1}}
	c.Process.Env = []string{"MINE=1"}
	c.Process.Args = []string{"true"}
	c.Log.Tag = "mine"
	err := c.ApplyDefaults(Defaults{
		Annotations: []string{"a=theirs", "b=theirs"}, Sysctls: []string{"net.a=theirs", "net.b=theirs"}, LogTag: "theirs",
		Ulimits: []string{"nofile=2:2", "nproc=3:3"}, Env: []string{"MINE=2", "IMAGE=2", "THEIRS=2"}, LogSizeMax: pointer(int64(-1)),
	}, func(string) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if err := c.ApplyImage(ImageConfig{Env: []string{"IMAGE=image"}}); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal([]any{c.Annotations, c.Security.Sysctls, c.Process.Ulimits, c.Log.Tag, c.Log.MaxSize})
	const want = `[{"a":"mine","b":"theirs"},{"net.a":"mine","net.b":"theirs"},[{"name":"nofile","soft":1,"hard":1},{"name":"nproc","soft":3,"hard":3}],"mine",0]`
	if err != nil || string(text) != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	env := " " + strings.Join(c.Process.Env, " ") + " "
	for _, entry := range []string{"MINE=1", "IMAGE=image", "THEIRS=2"} {
		if !strings.Contains(env, " "+entry+" ") {
			t.Errorf("%s is not in%s", entry, env)
		}
	}
}

// TestApplyDefaultsForItsOwnNamespaces: a default sysctl is not for a container that would change it for others.
func TestApplyDefaultsForItsOwnNamespaces(t *testing.T) {
	c := NewConfig()
	c.Network.Mode, c.Namespace.IPC = "host", "host"
	d := Defaults{Sysctls: []string{"net.ipv4.ping_group_range=0 0", "kernel.shmmax=1"}}
	if err := c.ApplyDefaults(d, func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	if len(c.Security.Sysctls) > 0 {
		t.Errorf("sysctls are %v, want none", c.Security.Sysctls)
	}
}

func TestApplyDefaultsNamesTheKey(t *testing.T) {
	for key, d := range map[string]Defaults{
		"umask": {Umask: "9"}, "default_ulimits": {Ulimits: []string{"x"}}, "log_driver": {LogDriver: "paper"}, "ipcns": {IPCNS: "maybe"},
		"shm_size": {ShmSize: "much"}, "default_capabilities": {Capabilities: []string{"FLY"}}, "env": {Env: []string{"=1"}},
	} {
		err := NewConfig().ApplyDefaults(d, func(string) bool { return false })
		if err == nil || !strings.HasPrefix(err.Error(), key+" in containers.conf: ") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
