package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-tools/validate"
	"github.com/sirupsen/logrus"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// cases are one golden file for each family of flags.
func cases() map[string]func(*container.Config, *Host) {
	return map[string]func(*container.Config, *Host){
		"default": nil,
		"process": func(c *container.Config, h *Host) {
			adj := 200
			c.Process = container.Process{
				Entrypoint: []string{"/entry"}, Args: []string{"a", ""}, Env: []string{"HOME=/own", "A=1"}, Workdir: "/srv", Terminal: true,
				Umask: 0o77, Groups: []string{"audio"}, Ulimits: []container.Ulimit{{Name: "nofile", Soft: 100, Hard: 200}, {Name: "core", Soft: -1, Hard: -1}}, OOMScoreAdj: &adj,
			}
			h.User = container.User{UID: 1000, GID: 1000, Groups: []uint32{10, 1000}, Home: "/home/app", Name: "app"}
			h.Groups = []uint32{29}
		},
		"init":        func(c *container.Config, h *Host) { c.Process.Init, h.Init = true, "/usr/libexec/catatonit" },
		"keep-groups": func(c *container.Config, h *Host) { c.Process.Groups = []string{container.KeepGroups} },
		"read-only":   func(c *container.Config, h *Host) { c.Root.ReadOnly = true },
		"read-only-no-tmpfs": func(c *container.Config, h *Host) {
			c.Root = container.Root{ReadOnly: true}
		},
		"mounts": func(c *container.Config, h *Host) {
			c.Mounts = []container.Mount{
				{Type: container.MountBind, Source: "/home/u/etc", Destination: "/etc"},
				{Type: container.MountBind, Source: "/home/u/a", Destination: "/deep/er/a", ReadOnly: true, Options: []string{"z", "U", "noexec"}},
				{Type: container.MountBind, Source: "/home/u", Destination: "/deep", Options: []string{"bind", "rslave"}},
				{Type: container.MountTmpfs, Destination: "/scratch", Options: []string{"size=1m", "exec", "notmpcopyup", "U"}},
				{Type: container.MountTmpfs, Destination: "/dev/shm", ReadOnly: true},
			}
			c.Image.Volumes = []string{"/data", "/deep", "/none"}
			h.Volumes = map[string]string{"/data": "/vol/1", "/deep": "/vol/2"}
			h.SourceFlags = map[string][]string{"/home/u": {"nosuid", "nodev"}, "/vol/1": {"noexec"}}
			h.RecursiveReadOnly = true
		},
		"devices": func(c *container.Config, h *Host) {
			c.Devices = []container.Device{{Source: "/dev/fuse", Destination: "/dev/fuse", Permissions: "rwm"}, {Source: "/dev/kvm", Destination: "/dev/k", Permissions: "r"}}
		},
		"host-namespaces": func(c *container.Config, h *Host) {
			c.Namespace = container.Namespace{PID: "host", IPC: "host", UTS: "host", Cgroup: "host"}
			c.Network.Mode, h.Mqueue = "host", true
		},
		"joined-namespaces": func(c *container.Config, h *Host) {
			c.Namespace = container.Namespace{PID: "container:db", IPC: "container:db", UTS: "ns:/proc/9/ns/uts", Cgroup: "ns:/proc/9/ns/cgroup"}
			c.Network.Mode, h.ForeignNetwork, h.Shm = "container:db", true, "/run/pod/db/shm"
			h.Namespaces = map[specs.LinuxNamespaceType]string{"pid": "/proc/7/ns/pid", "ipc": "/proc/7/ns/ipc", "network": "/proc/7/ns/net"}
		},
		"made-network": func(c *container.Config, h *Host) {
			h.Namespaces = map[specs.LinuxNamespaceType]string{"network": "/run/pod/web/netns"}
		},
		"time-namespace": func(c *container.Config, h *Host) { h.TimeNamespace = true },
		"ipc-none":       func(c *container.Config, h *Host) { c.Namespace.IPC = "none" },
		"capabilities": func(c *container.Config, h *Host) {
			c.Security.CapAdd, c.Security.CapDrop = []string{"CAP_NET_ADMIN", "CAP_NET_RAW"}, []string{"CAP_CHOWN"}
		},
		"capabilities-other-user": func(c *container.Config, h *Host) {
			c.Security.CapAdd, c.Security.CapDrop = []string{"CAP_NET_RAW"}, []string{"ALL"}
			h.User = container.User{UID: 1000, GID: 1000, Home: "/"}
		},
		"privileged": func(c *container.Config, h *Host) {
			c.Security.Privileged = true
			h.Devices = []string{"/dev/fuse", "/dev/null", "/dev/pts/3", "/dev/net/tun"}
		},
		"security": func(c *container.Config, h *Host) {
			c.Security = container.Security{
				NoNewPrivileges: true, Seccomp: `{"defaultAction":"SCMP_ACT_ALLOW"}`, AppArmor: "mine", Mask: []string{"/proc/bus"},
				Unmask: []string{"/proc/s*", "/proc/asound"}, ProcOptions: []string{"hidepid=2"}, Sysctls: map[string]string{"net.core.somaxconn": "9"},
			}
			h.AppArmor, h.AppArmorProfile, h.ProcessLabel, h.MountLabel = true, "pod-default", "system_u:system_r:container_t:s0", "system_u:object_r:container_file_t:s0"
			h.ThermalPaths = []string{"/sys/devices/system/cpu/cpu0/thermal_throttle"}
		},
		"unmasked": func(c *container.Config, h *Host) {
			c.Security.Unmask, c.Security.Seccomp = []string{"ALL"}, "unconfined"
		},
		"resources": func(c *container.Config, h *Host) {
			c.Resources = container.Resources{
				Memory: 1 << 30, MemoryReservation: 1 << 29, CPUs: 1.5, CPUShares: 512, CpusetCPUs: "0-1", CpusetMems: "0", BlkioWeight: 100,
				ShmSize: 1 << 20, CgroupConf: []string{"memory.high=800000000"},
			}
			h.Controllers = append(h.Controllers, "cpuset")
		},
		"resources-quota": func(c *container.Config, h *Host) {
			unlimited := int64(-1)
			c.Resources = container.Resources{Memory: 1 << 30, MemorySwap: -1, CPUPeriod: 50000, CPUQuota: 10000, PidsLimit: &unlimited, ShmSize: 1 << 20}
		},
		"no-controllers":   func(c *container.Config, h *Host) { h.Controllers = nil },
		"cgroups-disabled": func(c *container.Config, h *Host) { c.Resources.Cgroups = "disabled" },
		"metadata": func(c *container.Config, h *Host) {
			c.Hostname, c.Annotations = "box", map[string]string{"org.example.a": "b"}
		},
		"few-ids": func(c *container.Config, h *Host) { h.UIDs, h.GIDs = []IDRange{{0, 1}}, []IDRange{{0, 1}} },
		"rootful": func(c *container.Config, h *Host) {
			h.Rootless, h.UIDs, h.GIDs = false, nil, nil
			c.Network.Mode = "host"
			c.Devices = []container.Device{{Source: "/dev/fuse", Destination: "/dev/fuse", Permissions: "rw"}}
			h.DeviceNodes = map[string]DeviceNode{"/dev/fuse": {Type: "c", Major: 10, Minor: 229}}
		},
	}
}

func render(t *testing.T, change func(*container.Config, *Host)) *specs.Spec {
	t.Helper()
	cfg, host := testConfig(), testHost()
	if change != nil {
		change(cfg, &host)
	}
	s, err := Spec(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSpecMatchesGolden(t *testing.T) {
	for name, change := range cases() {
		t.Run(name, func(t *testing.T) {
			s := render(t, change)
			checkValid(t, s)
			if name != "default" && change != nil && s.Linux.Seccomp != nil {
				// The profile is long and the same in all but its conditions on capabilities; "default" has it whole.
				s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: s.Linux.Seccomp.DefaultAction}
			}
			golden(t, name, s)
		})
	}
}

func golden(t *testing.T, name string, v any) {
	t.Helper()
	got, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs from what is rendered; look at the difference after: go test ./pkg/oci -update\n%s", path, got)
	}
}

// checkValid asks runtime-tools. Its look at the bundle's root and its download of the JSON schema are left out.
func checkValid(t *testing.T, s *specs.Spec) {
	t.Helper()
	logrus.SetOutput(io.Discard) // it warns of each check that it cannot do
	v, err := validate.NewValidator(forValidator(t, s), t.TempDir(), false, "linux")
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []func() error{v.CheckMandatoryFields, v.CheckSemVer, v.CheckMounts, v.CheckProcess, v.CheckLinux, v.CheckAnnotations, v.CheckHooks} {
		err := check()
		if list, ok := err.(interface{ WrappedErrors() []error }); ok && len(list.WrappedErrors()) == 0 {
			continue // an empty list of errors in place of nil
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// forValidator is a copy of s without what the validator judges more strictly than the specification.
func forValidator(t *testing.T, s *specs.Spec) *specs.Spec {
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	out := new(specs.Spec)
	if err := json.Unmarshal(text, out); err != nil {
		t.Fatal(err)
	}
	out.Version = specs.Version                        // it takes no other, and every older configuration is valid under it
	out.Root.Path = filepath.Join(t.TempDir(), "none") // what this machine has at the path that stands for it is of no matter
	out.Process.ApparmorProfile = ""                   // it looks for the profile's file in the root
	delete(out.Annotations, keepGroupsAnnotation)      // crun's name is not a reversed domain
	for i := range out.Linux.Namespaces {
		out.Linux.Namespaces[i].Path = "" // it allows net.* settings in new namespaces only
	}
	return out
}

func TestSpecIsPure(t *testing.T) {
	for name, change := range cases() {
		cfg, host := testConfig(), testHost()
		if change != nil {
			change(cfg, &host)
		}
		before, _ := json.Marshal([]any{cfg, host})
		a, errA := Spec(cfg, host)
		b, errB := Spec(cfg, host)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		one, _ := json.Marshal(a)
		two, _ := json.Marshal(b)
		after, _ := json.Marshal([]any{cfg, host})
		if !bytes.Equal(one, two) || !bytes.Equal(before, after) {
			t.Errorf("%s: two renderings differ, or the configuration was changed", name)
		}
	}
}

func TestSpecRefusesWhatHostCannotGive(t *testing.T) {
	four := uint64(4)
	for want, change := range map[string]func(*container.Config, *Host){
		`limit "web" by --memory: the cgroup controller "memory" is not available to you`: func(c *container.Config, h *Host) { c.Resources.Memory, h.Controllers = 1<<20, []string{"pids"} },
		`limit the step by --memory: the cgroup controller "memory" is not available to you`: func(c *container.Config, h *Host) {
			c.Name, c.Resources.Memory, h.Controllers = "", 1<<20, nil
		},
		`limit "web" by --cpuset-cpus: the cgroup controller "cpuset" is not available to you`: func(c *container.Config, h *Host) { c.Resources.CpusetCPUs = "0" },
		`limit "web" by --cgroup-conf: the cgroup controller "hugetlb" is not available to you`: func(c *container.Config, h *Host) {
			c.Resources.CgroupConf = []string{"hugetlb.2MB.max=1"}
		},
		`limit the swap of "web": the kernel does not count swap`: func(c *container.Config, h *Host) {
			c.Resources.Memory, c.Resources.MemorySwap, h.SwapAccounting = 1<<20, 1<<21, false
		},
		`set the swappiness of "web": cgroup v2 has none`:     func(c *container.Config, h *Host) { c.Resources.MemorySwappiness = &four },
		`run "web" with --init: no init program is installed`: func(c *container.Config, h *Host) { c.Process.Init = true },
		`keep the caller's groups in "web": the OCI runtime cannot`: func(c *container.Config, h *Host) {
			c.Process.Groups, h.KeepGroups = []string{container.KeepGroups}, false
		},
		`give "web" the capability CAP_BPF: you do not have it yourself`: func(c *container.Config, h *Host) {
			c.Security.CapAdd, h.Capabilities = []string{"CAP_BPF"}, DefaultCapabilities()
		},
		`run as user 70000: the id is outside the range you have in /etc/subuid`:  func(c *container.Config, h *Host) { h.User.UID = 70000 },
		`run as group 70000: the id is outside the range you have in /etc/subgid`: func(c *container.Config, h *Host) { h.Groups = []uint32{70000} },
		`give "web" the ulimit nofile=unlimited: your own hard limit is 524288`: func(c *container.Config, h *Host) {
			c.Process.Ulimits = []container.Ulimit{{Name: "nofile", Soft: 1, Hard: -1}}
		},
		`give "web" the OOM score adjustment -5: your own is 0, and an unprivileged process cannot get less`: func(c *container.Config, h *Host) {
			adj := -5
			c.Process.OOMScoreAdj = &adj
		},
		`confine "web" by AppArmor profile "x": profiles cannot be chosen here`: func(c *container.Config, h *Host) { c.Security.AppArmor = "x" },
	} {
		cfg, host := testConfig(), testHost()
		change(cfg, &host)
		_, err := Spec(cfg, host)
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if err != nil && hint.Of(err) == "" {
			t.Errorf("%v: no hint", err)
		}
	}
}

func TestSpecRefusesMissingNamespaces(t *testing.T) {
	cfg := testConfig()
	cfg.Namespace.PID = "container:db"
	if _, err := Spec(cfg, testHost()); err == nil || err.Error() != `join the pid namespace of "db": it is not running` {
		t.Error(err)
	}
	cfg = testConfig()
	cfg.Security.Seccomp = `{"defaultAction":5}`
	if _, err := Spec(cfg, testHost()); err == nil {
		t.Error("a seccomp profile of the wrong shape was accepted")
	}
}

func TestProcessSpec(t *testing.T) {
	cfg, host := testConfig(), testHost()
	for name, opts := range map[string]ExecOptions{
		"exec": {Args: []string{"ls"}},
		"exec-user": {
			Args: []string{"ls"}, User: &container.User{UID: 1000, GID: 1000, Groups: []uint32{10}, Home: "/home/app"}, Env: []string{"A=1", "PATH=/x"},
			Workdir: "/srv", Terminal: true,
		},
		"exec-privileged": {Args: []string{"ls"}, Privileged: true},
	} {
		p, err := ProcessSpec(cfg, host, opts)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name, p)
	}
	for part, opts := range map[string]ExecOptions{
		"no command":       {},
		"cannot be a name": {Args: []string{"ls"}, User: &container.User{UID: 1 << 30}},
		"lead out":         {Args: []string{"ls"}, Workdir: "/proc/self/fd/7"},
		"not absolute":     {Args: []string{"ls"}, Workdir: "x"},
		"has no value":     {Args: []string{"ls"}, Env: []string{"HOME"}},
	} {
		_, err := ProcessSpec(cfg, host, opts)
		var invalid *container.InvalidError
		if err == nil || !errors.As(err, &invalid) && hint.Of(err) == "" {
			t.Errorf("%s: %v", part, err)
		}
	}
}
