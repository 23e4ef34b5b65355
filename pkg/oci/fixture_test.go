package oci

import (
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pod-engine/pod/pkg/container"
)

// testConfig is a container about which nobody chose anything, of an image that only has a command.
func testConfig() *container.Config {
	cfg := container.NewConfig()
	completed(cfg)
	return cfg
}

func completed(cfg *container.Config) {
	cfg.ID, cfg.Name = strings.Repeat("0123456789abcdef", 4), "web"
	cfg.Image.Name = "busybox"
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	if err := cfg.ApplyImage(v1.ImageConfig{Cmd: []string{"sh"}}); err != nil {
		panic(err)
	}
}

// testHost is an ordinary rootless user of a current distribution.
func testHost() Host {
	return Host{
		Rootfs:            "/run/pod/web/merged",
		Rootless:          true,
		UIDs:              []IDRange{{0, 1}, {1, 65536}},
		GIDs:              []IDRange{{0, 1}, {1, 65536}},
		Capabilities:      container.Capabilities(),
		Hostname:          "machine",
		User:              container.User{Home: "/root", Name: "root", Groups: []uint32{0}},
		Unified:           true,
		Controllers:       []string{"cpu", "io", "memory", "pids"},
		ControllersHint:   "delegate it",
		SwapAccounting:    true,
		CgroupsPath:       "user.slice:pod:web",
		KeepGroups:        true,
		RecursiveReadOnly: false,
		Rlimits:           map[string]Rlimit{"nofile": {1024, 524288}, "nproc": {31000, 31000}},
		Files: map[string]string{
			"/etc/hosts": "/run/pod/web/hosts", "/etc/resolv.conf": "/run/pod/web/resolv.conf",
			"/etc/hostname": "/run/pod/web/hostname", "/run/.containerenv": "/run/pod/web/containerenv",
		},
	}
}
