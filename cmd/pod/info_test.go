package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/hostinfo"
	"github.com/pod-engine/pod/internal/report"
)

func testHost() hostFacts {
	return hostFacts{
		Rootless: true, UIDMap: []idRange{{0, 1000, 1}, {1, 100000, 65536}}, GIDMap: []idRange{{0, 1000, 1}},
		Capabilities: []string{"CAP_CHOWN", "CAP_KILL"}, CgroupManager: "systemd", CgroupControllers: []string{"memory", "pids"}, EventLogger: "file",
		LogDriver: "k8s-file", LogDrivers: []string{"k8s-file", "none"}, NetworkBackend: "pod", NetworkDrivers: []string{"pasta"}, Runtime: "/usr/bin/crun",
		DataDir: "/data", RunDir: "/run", GraphDriver: "overlay", GraphRoot: "/graph", GraphRunRoot: "/rungraph", StorageConfig: "/s.conf", Images: 3,
		Registries: []string{"reg.test"},
	}
}

func testMachine() hostinfo.Host {
	return hostinfo.Host{
		Arch: "amd64", CPUs: 2, Distribution: hostinfo.Distribution{ID: "debian", Version: "12", Codename: "bookworm"}, Hostname: "h",
		Kernel: "6.1.0", Load: hostinfo.Load{User: 1.5, System: 2, Idle: 96.5}, MemFree: 1 << 30, MemTotal: 2 << 30, Uptime: 34 * time.Minute,
		CgroupVersion: "v2", AppArmor: true, Seccomp: true,
	}
}

func TestInfoGolden(t *testing.T) {
	i := newInfo(testMachine(), testHost(), testContainers())
	i.Version = versionInfo{Version: "1.2.3", OsArch: "linux/amd64", Os: "linux"}
	i.Host.OCIRuntime.Version = "crun version 1\ncommit: x"
	var text strings.Builder
	if err := report.WriteYAML(&text, i); err != nil {
		t.Fatal(err)
	}
	golden(t, "info.yaml", text.String())
	text.Reset()
	if err := printDockerInfo(&text, dockerInfoOf(i), ""); err != nil {
		t.Fatal(err)
	}
	golden(t, "info-docker.txt", text.String())
}

func TestInfoCommand(t *testing.T) {
	runtime := filepath.Join(t.TempDir(), "crun")
	if err := os.WriteFile(runtime, []byte("#!/bin/sh\necho crun version 9\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	facts := testHost()
	facts.Runtime, facts.Pasta, facts.GraphRoot = runtime, "/nonexistent/pasta", t.TempDir()
	i := newInfo(testMachine(), facts, nil)
	i.addVersions(t.Context())
	i.addDisk(facts.GraphRoot)
	if i.Host.OCIRuntime.Version != "crun version 9" || !strings.HasPrefix(i.Host.Pasta.Version, "unknown: ") || i.Store.GraphRootAllocated <= 0 {
		t.Errorf("got %+v and %+v, %d bytes", i.Host.OCIRuntime, i.Host.Pasta, i.Store.GraphRootAllocated)
	}

	cases := []struct{ program, format, want string }{
		{"pod", "{{.Host.Arch}} {{.Host.OCIRuntime.Name}} {{.Store.GraphRoot}} {{.Host.Security.Rootless}} {{.host.cgroupManager}}", ""},
		{"pod", "{{.Host.CgroupManager}} {{.Store.GraphDriverName}} {{.Store.ContainerStore.Number}}", "systemd overlay 8\n"},
		{"pod", "{{.host.cgroupManager}} {{.store.graphDriverName}}", "systemd overlay\n"},
		{"docker", "{{.Driver}} {{.CgroupDriver}} {{.ContainersRunning}} {{.Images}}", "overlay systemd 2 3\n"},
	}
	for _, c := range cases {
		got, err := runTest(t, c.program, testSources(testContainers()), "info", "--format", c.format)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s: got %q, %v", c.format, got, err)
		}
	}
	text, err := runTest(t, "pod", testSources(testContainers()), "info", "-f", "json")
	var answer struct {
		Host struct{ Hostname, Uptime string }
	}
	if err != nil || json.Unmarshal([]byte(text), &answer) != nil || answer.Host.Hostname == "" {
		t.Errorf("got %s, %v", text, err)
	}
	if text, err := runTest(t, "pod", testSources(testContainers()), "info"); err != nil || !strings.HasPrefix(text, "host:\n  arch: ") {
		t.Errorf("got %s, %v", text, err)
	}
}
