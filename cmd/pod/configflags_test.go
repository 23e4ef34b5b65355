package main

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/pkg/container"
)

func testCaller(t *testing.T) caller {
	dir := t.TempDir()
	for name, text := range map[string]string{"env": "F=file\nSHARED=file\nHOSTVAR\n", "env2": "F2=2\n", "labels": "a=file\nb=file\n", "profile.json": `{"defaultAction":"SCMP_ACT_ALLOW"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o644); err != nil {
		t.Fatal(err)
	}
	return caller{dir: dir, environ: container.Environ{"HOSTVAR=h", "SHARED=host", "BASH_FUNC_x%%=() { :; }"}}
}

func parseFlags(from caller, args ...string) (*container.Config, error) {
	cfg := container.NewConfig()
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	f.SetNormalizeFunc(normalizeConfigFlag)
	f.SetInterspersed(false)
	addConfigFlags(f, cfg, from)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	return cfg, cfg.Validate()
}

func TestNoFlagsChangeNothing(t *testing.T) {
	cfg, err := parseFlags(testCaller(t))
	if err != nil || !reflect.DeepEqual(cfg, container.NewConfig()) {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

func TestFlagsReachTheirFields(t *testing.T) {
	from := testCaller(t)
	swappiness, pids, adj := uint64(10), int64(100), 50
	env := filepath.Join(from.dir, "env")
	for line, want := range map[string]func(*container.Config){
		"--name web --rm -i -t": func(c *container.Config) {
			c.Name, c.Remove, c.Process.Interactive, c.Process.Terminal = "web", true, true, true
		},
		"-it -h box --tz local": func(c *container.Config) {
			c.Process.Interactive, c.Process.Terminal, c.Hostname, c.Timezone = true, true, "box", "local"
		},
		"--entrypoint= ":         func(c *container.Config) { c.Process.Entrypoint = []string{} },
		`--entrypoint ["a","b"]`: func(c *container.Config) { c.Process.Entrypoint = []string{"a", "b"} },
		"-w /srv -u 1:2 --group-add 5,audio": func(c *container.Config) {
			c.Process.Workdir, c.Process.User, c.Process.Groups = "/srv", "1:2", []string{"5", "audio"}
		},
		"-e SHARED=flag --env-file " + env:  func(c *container.Config) { c.Process.Env = []string{"F=file", "SHARED=flag", "HOSTVAR=h"} },
		"--env-file " + env + " --env-host": func(c *container.Config) { c.Process.Env = []string{"HOSTVAR=h", "SHARED=file", "F=file"} },
		"--env-host --unsetenv SHARED": func(c *container.Config) {
			c.Process.Env, c.Process.UnsetEnv = []string{"HOSTVAR=h"}, []string{"SHARED"}
		},
		"-e HOST* -e NONE --unsetenv-all":                func(c *container.Config) { c.Process.Env, c.Process.UnsetEnvAll = []string{"HOSTVAR=h"}, true },
		"-l a=flag --label-file " + from.dir + "/labels": func(c *container.Config) { c.Labels = map[string]string{"a": "flag", "b": "file"} },
		"--annotation a=b --cidfile x --pidfile /y": func(c *container.Config) {
			c.Annotations, c.CIDFile, c.PIDFile = map[string]string{"a": "b"}, from.dir+"/x", "/y"
		},
		"--init --umask 077 --oom-score-adj 50": func(c *container.Config) { c.Process.Init, c.Process.Umask, c.Process.OOMScoreAdj = true, 0o77, &adj },
		"--ulimit core=1 --ulimit core=2 --ulimit nofile=3:4": func(c *container.Config) {
			c.Process.Ulimits = []container.Ulimit{{Name: "core", Soft: 2, Hard: 2}, {Name: "nofile", Soft: 3, Hard: 4}}
		},
		"--ulimit core=1 --ulimit host": func(c *container.Config) {},
		"-v ./a:/b:ro --tmpfs /t:size=1m --mount type=bind,src=/c,dst=/d": func(c *container.Config) {
			c.Mounts = []container.Mount{
				{Type: "bind", Source: from.dir + "/a", Destination: "/b", ReadOnly: true},
				{Type: "tmpfs", Destination: "/t", Options: []string{"size=1m"}},
				{Type: "bind", Source: "/c", Destination: "/d"},
			}
		},
		"--gpus all --device vendor.com/class=name": func(c *container.Config) {
			c.Devices = []container.Device{{CDI: "nvidia.com/gpu=all"}, {CDI: "vendor.com/class=name"}}
		},
		"--device /dev/fuse:r --read-only --read-only-tmpfs=false": func(c *container.Config) {
			c.Devices, c.Root = []container.Device{{Source: "/dev/fuse", Destination: "/dev/fuse", Permissions: "r"}}, container.Root{ReadOnly: true}
		},
		"--cap-add net_admin,CHOWN --cap-drop all --privileged": func(c *container.Config) {
			c.Security = container.Security{CapAdd: []string{"CAP_NET_ADMIN", "CAP_CHOWN"}, CapDrop: []string{"ALL"}, Privileged: true}
		},
		"--security-opt seccomp=profile.json --security-opt no-new-privileges --sysctl net.a=1": func(c *container.Config) {
			c.Security = container.Security{Seccomp: `{"defaultAction":"SCMP_ACT_ALLOW"}`, NoNewPrivileges: true, Sysctls: map[string]string{"net.a": "1"}}
		},
		"-m 1g --memory-reservation 512m --memory-swap -1 --memory-swappiness 10 --shm-size 1m": func(c *container.Config) {
			c.Resources = container.Resources{Memory: 1 << 30, MemoryReservation: 512 << 20, MemorySwap: -1, MemorySwappiness: &swappiness, ShmSize: 1 << 20}
		},
		"--cpus 1.5 -c 10 --cpuset-cpus 0-1 --cpuset-mems 0 --pids-limit 100 --blkio-weight 20": func(c *container.Config) {
			c.Resources = container.Resources{CPUs: 1.5, CPUShares: 10, CpusetCPUs: "0-1", CpusetMems: "0", PidsLimit: &pids, BlkioWeight: 20, ShmSize: 64 << 20}
		},
		"--cpu-period 5000 --cpu-quota 2000 --cgroup-parent a.slice --cgroups enabled --cgroup-conf memory.high=1": func(c *container.Config) {
			c.Resources = container.Resources{CPUPeriod: 5000, CPUQuota: 2000, CgroupParent: "a.slice", Cgroups: "enabled", CgroupConf: []string{"memory.high=1"}, ShmSize: 64 << 20}
		},
		"--memory-swappiness -1": func(c *container.Config) {},
		"--net pasta:-T,1 -p 8080:80 -P --expose 99 --dns 1.1.1.1,::1 --dns-search a --dns-opt ndots:1 --add-host a=1.2.3.4": func(c *container.Config) {
			c.Network = container.Network{
				Mode: "pasta", Options: []string{"-T", "1"}, PublishAll: true, Expose: []string{"99/tcp"}, DNS: []string{"1.1.1.1", "::1"},
				DNSSearch: []string{"a"}, DNSOptions: []string{"ndots:1"}, AddHosts: []string{"a:1.2.3.4"}, Ports: []container.Port{{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}},
			}
		},
		"--no-hosts --no-hostname --network bridge": func(c *container.Config) {
			c.Network = container.Network{NoHosts: true, NoHostname: true, Networks: []container.Endpoint{{Network: "bridge"}}}
		},
		"--hosts-file image": func(c *container.Config) { c.Network.HostsFile = "image" },
		"--hosts-file none":  func(c *container.Config) {},
		"--hosts-file base":  func(c *container.Config) { c.Network.HostsFile = from.dir + "/base" },
		"--network a:ip=10.89.0.7 --net b --network-alias x --network-alias y": func(c *container.Config) {
			c.Network = container.Network{Networks: []container.Endpoint{{Network: "a", Address: "10.89.0.7"}, {Network: "b"}}, Aliases: []string{"x", "y"}}
		},
		"--ip 10.88.0.7 --ip6 fd00::7 --mac-address 02:00:00:00:00:07": func(c *container.Config) {
			c.Network = container.Network{Address: "10.88.0.7", Address6: "fd00::7", MAC: "02:00:00:00:00:07"}
		},
		"--pid host --ipc none --uts ns:/x --cgroupns private": func(c *container.Config) {
			c.Namespace = container.Namespace{PID: "host", IPC: "none", UTS: "ns:/x"}
		},
		"--stop-signal quit --stop-timeout 0 --timeout 5 --restart on-failure:2": func(c *container.Config) {
			c.Stop, c.Restart = container.Stop{Signal: "SIGQUIT", MaxRun: 5}, container.Restart{Policy: "on-failure", Max: 2}
		},
		"--log-driver json-file --log-opt max-size=1m --log-opt max-file=3 --log-opt tag=x --log-opt path=log": func(c *container.Config) {
			c.Log = container.Log{Driver: "json-file", MaxSize: 1 << 20, MaxFile: 3, Tag: "x", Path: from.dir + "/log"}
		},
	} {
		got, err := parseFlags(from, strings.Fields(line)...)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		expected := container.NewConfig()
		want(expected)
		if !reflect.DeepEqual(got, expected) {
			t.Errorf("%s:\ngot  %+v\nwant %+v", line, got, expected)
		}
	}
}

func TestFlagsRefuse(t *testing.T) {
	from := testCaller(t)
	big := filepath.Join(from.dir, "big")
	if err := os.WriteFile(big, make([]byte, container.MaxTextFile+1), 0o644); err != nil {
		t.Fatal(err)
	}
	for line, part := range map[string]string{
		"-v data:/x":                            `invalid argument "data:/x" for "-v, --volume" flag: "data" is not a path`,
		"--network a:b=c":                       "not known",
		"--network none --network host":         "the network is \"none\" already",
		"--env-file " + big:                     "larger than",
		"--env-file " + from.dir + "/fifo":      "not a regular file",
		"--env-file /dev/zero":                  "not a regular file",
		"--label-file " + from.dir:              "not a regular file",
		"--security-opt seccomp=nofile":         "no such file",
		"--memory-swappiness 101":               "out of range",
		"--rm --restart always":                 "--rm removes",
		"--oom-score-adj x":                     "from -1000 to 1000",
		"--cap-add CAP_FOO":                     "not a capability",
		"--user 4294967296":                     "above 2147483647",
		"--cidfile=":                            "path is empty",
		"--init-path /x":                        "unknown flag",
		"--cpus 1 --cpu-quota 5000":             "--cpus stands",
		"--uts host -h box":                     "--hostname names",
		"-p 80:80 -p 80:81":                     "published twice",
		"--volume /a:/b --tmpfs /b":             "two mounts",
		"--sysctl kernel.core_pattern=|x":       "whole machine",
		"--log-opt foo=1":                       "not known",
		"--mount type=volume,src=a,dst=/b":      "type=bind or type=tmpfs",
		"--pid container:../../x":               "cannot be a name",
		"--group-add keep-groups --group-add 5": "stands alone",
	} {
		_, err := parseFlags(from, strings.Fields(line)...)
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: got %v, want %q", line, err, part)
		}
	}
	_, err := parseFlags(from, "-p", "x")
	var invalid *container.InvalidError
	if !errors.As(err, &invalid) {
		t.Errorf("%T does not lead to *container.InvalidError", err)
	}
}

// Every flag must say in one lower-case line what it does, and may not be taken twice.
func TestFlagHelp(t *testing.T) {
	f := pflag.NewFlagSet("run", pflag.ContinueOnError)
	addConfigFlags(f, container.NewConfig(), caller{dir: "/"})
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Usage == "" || len(flag.Usage) > 110 || strings.HasSuffix(flag.Usage, ".") {
			t.Errorf("--%s: help is %q", flag.Name, flag.Usage)
		}
	})
	for _, want := range []string{"--shm-size bytes", "(default 64m)", "(default 0022)", "--stop-timeout uint", "(default 10)", "-h, --hostname"} {
		if !strings.Contains(f.FlagUsages(), want) {
			t.Errorf("help has no %q:\n%s", want, f.FlagUsages())
		}
	}
}
