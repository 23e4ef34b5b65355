package container

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range max(len(gotLines), len(wantLines)) {
		if i >= len(gotLines) || i >= len(wantLines) || gotLines[i] != wantLines[i] {
			t.Errorf("%s differs from line %d on (run with -update and look at the difference): got %q", path, i+1, gotLines[min(i, len(gotLines)-1)])
			return
		}
	}
}

// fullConfig has every kind of setting that inspect shows.
func fullConfig() *Config {
	score, swappiness := 5, uint64(10)
	return &Config{
		ID: strings.Repeat("0123456789abcdef", 4), Name: "web", Created: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC),
		Command: []string{"pod", "run", "-d", "img"},
		Image: Image{
			Name: "reg.test/img:1", ID: strings.Repeat("ab", 32), Digest: "sha256:" + strings.Repeat("cd", 32),
			Volumes: []string{"/data"}, ExposedPorts: []string{"80/tcp", "443/tcp"},
		},
		Process: Process{
			Entrypoint: []string{"/entry", "-x"}, Args: []string{"a", "b"}, Env: []string{"A=b"}, Workdir: "/w", User: "1:2",
			Groups: []string{"g"}, Terminal: true, Interactive: true, Init: true, Umask: 0o27, Ulimits: []Ulimit{{"nofile", 10, -1}}, OOMScoreAdj: &score,
		},
		Root:   Root{ReadOnly: true, ReadOnlyTmpfs: true},
		Labels: map[string]string{"k": "v"}, Annotations: map[string]string{"n": "o"}, Timezone: "UTC",
		Mounts: []Mount{
			{Type: MountBind, Source: "/src", Destination: "/vol", ReadOnly: true, Options: []string{"rbind", "Z"}},
			{Type: MountBind, Source: "/s2", Destination: "/v2", Options: []string{"rslave"}},
			{Type: MountTmpfs, Destination: "/scratch", Options: []string{"size=1m"}},
		},
		Devices:   []Device{{Source: "/dev/a", Destination: "/dev/b", Permissions: "rw"}, {CDI: "v.com/c=d"}},
		Namespace: Namespace{PID: "container:" + strings.Repeat("ef", 32), IPC: "container:" + strings.Repeat("ef", 32), Cgroup: "host"},
		Network: Network{
			Ports: []Port{
				{HostIP: "127.0.0.1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"},
				{HostPort: 9000, ContainerPort: 90, Count: 2, Protocol: "udp"},
				{ContainerPort: 7, Count: 1, Protocol: "tcp"},
			},
			Expose: []string{"53/udp"}, DNS: []string{"192.0.2.1"}, DNSSearch: []string{"s"}, DNSOptions: []string{"o"}, AddHosts: []string{"h:192.0.2.2"},
		},
		Resources: Resources{
			Memory: 64 << 20, MemorySwap: -1, MemorySwappiness: &swappiness, CPUs: 0.29, CpusetCPUs: "0-1", ShmSize: 1 << 20,
			CgroupConf: []string{"memory.high=1"},
		},
		Security: Security{
			CapAdd: []string{"CAP_NET_ADMIN"}, NoNewPrivileges: true, Seccomp: "unconfined", AppArmor: "p", Label: []string{"disable"},
			Mask: []string{"/a", "/b"}, Unmask: []string{"ALL"}, ProcOptions: []string{"hidepid=2"}, Sysctls: map[string]string{"net.x": "1"},
		},
		Log:     Log{Driver: LogK8sFile, MaxSize: 1000000, MaxFile: 3, Tag: "t"},
		Restart: Restart{RestartOnFailure, 3}, Stop: Stop{"SIGINT", 7, 60}, Remove: true, PIDFile: "/p", CIDFile: "/c",
	}
}

func fullFacts(docker bool) Facts {
	size := int64(12)
	return Facts{
		Docker: docker, StaticDir: "/s", LogPath: "/s/log", OCIConfigPath: "/s/config.json", ResolvConfPath: "/r/resolv.conf",
		HostnamePath: "/r/hostname", HostsPath: "/r/hosts", Runtime: "crun", OCIVersion: "1.0.2", CgroupManager: "systemd",
		CgroupPath: "/user.slice/x", Limits: true, StorageDriver: "overlay", StorageData: map[string]string{"UpperDir": "/s/upper"},
		EffectiveCaps: []string{"CAP_KILL"}, BoundingCaps: []string{"CAP_KILL"},
		Ports: []Port{
			{HostIP: "127.0.0.1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"},
			{HostPort: 9000, ContainerPort: 90, Count: 2, Protocol: "udp"},
			{HostPort: 40001, ContainerPort: 7, Count: 1, Protocol: "tcp"},
		},
		Networks: map[string]InspectAttachment{"bridge": {InspectEndpoint: InspectEndpoint{IPAddress: "192.0.2.7", IPPrefixLen: 24}, Aliases: []string{"x"}}},
		SizeRw:   &size, SizeRootFs: 1024,
	}
}

var runningState = State{Status: StatusRunning, PID: 42, MonitorPID: 41, Started: time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC), Restarts: 2}

func marshalIndent(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

func TestInspectGolden(t *testing.T) {
	golden(t, "inspect-full.json", marshalIndent(t, Inspect(fullConfig(), runningState, fullFacts(false))))
	golden(t, "inspect-full-docker.json", marshalIndent(t, Inspect(fullConfig(), runningState, fullFacts(true))))
	exited := State{Status: StatusExited, ExitCode: 137, OOMKilled: true, Started: runningState.Started, Finished: runningState.Started.Add(time.Second)}
	golden(t, "inspect-exited-docker.json", marshalIndent(t, Inspect(fullConfig(), exited, fullFacts(true))))
	damaged := State{Status: StatusDamaged, Problem: "its config.json cannot be read"}
	golden(t, "inspect-damaged.json", marshalIndent(t, Inspect(&Config{ID: "abc", Name: "x"}, damaged, Facts{})))
}

// Keys that podman 4.3.1 prints and inspect does not, each with the reason.
var absentKeys = map[string]string{
	"ConmonPidFile":       "the monitor writes no pid file; it is found by its lock",
	"Config.Passwd":       "podman's own switch for editing /etc/passwd",
	"Config.sdNotifyMode": "there is no choice of it",
}

func TestInspectHasPodmansKeys(t *testing.T) {
	text, err := os.ReadFile("testdata/podman-4.3.1-inspect-keys.txt")
	if err != nil {
		t.Fatal(err)
	}
	mounted := fullConfig()
	var tree any
	if err := json.Unmarshal(marshalIndent(t, Inspect(mounted, runningState, fullFacts(false))), &tree); err != nil {
		t.Fatal(err)
	}
	// Only a named volume has a name, and a Config holds none yet.
	absent := map[string]bool{"Mounts.Name": true}
	for key := range absentKeys {
		absent[key] = true
	}
	keys := map[string]bool{}
	collectKeys(tree, "", keys)
	for _, key := range strings.Fields(string(text)) {
		if keys[key] == absent[key] {
			t.Errorf("%s: printed %v, listed as absent %v", key, keys[key], absent[key])
		}
	}
}

func collectKeys(v any, prefix string, keys map[string]bool) {
	switch v := v.(type) {
	case map[string]any:
		for k, inner := range v {
			keys[prefix+k] = true
			collectKeys(inner, prefix+k+".", keys)
		}
	case []any:
		for _, inner := range v {
			collectKeys(inner, prefix, keys)
		}
	}
}

func TestInspectTime(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if got := (InspectTime{Time: at}).String(); got != "2026-01-02 03:04:05 +0000 UTC" {
		t.Error(got)
	}
	if got := (InspectTime{at, true}).String(); got != "2026-01-02T03:04:05Z" {
		t.Error(got)
	}
}

func TestInspectChangesNothing(t *testing.T) {
	cfg := fullConfig()
	d := Inspect(cfg, runningState, fullFacts(true))
	d.Config.Labels["new"] = "x"
	if string(marshalIndent(t, cfg)) != string(marshalIndent(t, fullConfig())) {
		t.Error("Inspect changed its configuration, or shares a map with it")
	}
}
