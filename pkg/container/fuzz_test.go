package container

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzParsers gives one text to every parser of a flag's value. What a parser accepts, Validate must accept too, and
// nothing may carry a NUL or a line break into a file that others read by lines.
func FuzzParsers(f *testing.F) {
	for _, seed := range []string{
		"", "80", "127.0.0.1:80-90:80-90/udp", "[::1]::80", "/a:/b:ro,z", "type=bind,src=/a,dst=/b", "/t:size=50%", "nofile=1:2",
		"net.ipv4.ip_forward=1", "1.5g", "RTMIN+3", "on-failure:3", "a:1.2.3.4", "/dev/a:/dev/b:rw", "0:0", "4294967296", "0x0", "seccomp=unconfined", "ns:/x", "A*", "a=b\nc=d", "max-size=1m", "[\"a\"]", "\x00", "../x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := NewConfig()
		keep := func(err error, set func()) {
			if err == nil {
				set()
				if err := c.Validate(); err != nil {
					t.Fatalf("%q was parsed and then refused: %v", s, err)
				}
			}
			c = NewConfig()
		}
		port, err := ParsePort(s)
		keep(err, func() { c.Network.Ports = []Port{port} })
		volume, err := ParseVolume(s, "/here")
		keep(err, func() { c.Mounts = []Mount{volume} })
		mount, err := ParseMount(s, "/here")
		keep(err, func() { c.Mounts = []Mount{mount} })
		tmpfs, err := ParseTmpfs(s)
		keep(err, func() { c.Mounts = []Mount{tmpfs} })
		device, err := ParseDevice(s)
		keep(err, func() { c.Devices = []Device{device} })
		ulimit, err := ParseUlimit(s)
		keep(err, func() { c.Process.Ulimits = []Ulimit{ulimit} })
		name, value, err := ParseSysctl(s)
		keep(err, func() { c.Security.Sysctls = map[string]string{name: value} })
		host, err := ParseAddHost(s)
		keep(err, func() {
			c.Network.AddHosts = []string{host}
			if strings.ContainsAny(host, "\n\x00") {
				t.Fatalf("%q would break the hosts file", host)
			}
		})
		env, err := ParseEnv(s, Environ{"A=1"})
		keep(err, func() { c.Process.Env = env })
		file, err := ParseEnvFile(s, Environ{"A=1"})
		keep(err, func() { c.Process.Env = file })
		labels, err := ParseLabelFile(s)
		keep(err, func() { c.Labels = labels })
		restart, err := ParseRestart(s)
		keep(err, func() { c.Restart = restart })
		var n Network
		err = n.AddNetwork(s)
		keep(err, func() { c.Network.Mode, c.Network.Networks = n.Mode, n.Networks }) // options are judged by Validate alone
		cpus, err := ParseCPUs(s)
		keep(err, func() { c.Resources.CPUs = cpus })
		umask, err := ParseUmask(s)
		keep(err, func() { c.Process.Umask = umask })
		sig, err := ParseSignal(s)
		keep(err, func() { c.Stop.Signal = SignalName(sig) })
		var sec Security
		err = sec.SetOption(s, func(string) (string, error) { return "{}", nil })
		keep(err, func() { c.Security = sec })
		if n, err := ParseSize(s); err == nil && n < 0 {
			t.Fatalf("%q is a size of %d", s, n)
		}
	})
}

// FuzzLookupUser looks for panics and for ids that never may come out.
func FuzzLookupUser(f *testing.F) {
	f.Add("app:audio", passwd, group)
	f.Add("4294967296", passwd, group)
	f.Add("x", "x:x:99999999999999999999:0:::", "x:x:-1:x")
	f.Fuzz(func(t *testing.T, spec, passwd, group string) {
		u, err := LookupUser(spec, []byte(passwd), []byte(group))
		if err != nil {
			return
		}
		for _, id := range append([]uint32{u.UID, u.GID}, u.Groups...) {
			if id > 1<<31-1 {
				t.Fatalf("id %d", id)
			}
		}
		if !strings.HasPrefix(u.Home, "/") || hasControl(u.Home) {
			t.Fatalf("home %q", u.Home)
		}
	})
}

// FuzzApplyImage gives arbitrary image configurations; whatever is accepted must be complete and valid.
func FuzzApplyImage(f *testing.F) {
	f.Add(`{"Entrypoint":["/e"],"Cmd":["c"],"Env":["A=1","B"],"WorkingDir":"/w","User":"1:2","StopSignal":"9","Volumes":{"/v":{}},"ExposedPorts":{"80/tcp":{}},"Labels":{"a":"b"}}`)
	f.Add(`{"Cmd":["x"],"WorkingDir":"/proc/self/fd/9"}`)
	f.Add(`{"Cmd":["x"],"Volumes":{"/../../etc":{}}}`)
	f.Fuzz(func(t *testing.T, text string) {
		var img ImageConfig
		if json.Unmarshal([]byte(text), &img) != nil {
			return
		}
		c := NewConfig()
		c.Network.PublishAll = true
		if c.ApplyImage(img) != nil {
			return
		}
		if err := c.Validate(); err != nil {
			t.Fatalf("accepted, and then refused: %v", err)
		}
		if len(c.Process.Argv()) == 0 || c.Process.Workdir == "" || c.Stop.Signal == "" {
			t.Fatalf("left open: %+v", c)
		}
	})
}
