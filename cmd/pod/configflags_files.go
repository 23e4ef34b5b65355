package main

import (
	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/pkg/container"
)

func addFileFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	volume := func(s string) (container.Mount, error) { return container.ParseVolume(s, from.dir) }
	mount := func(s string) (container.Mount, error) { return container.ParseMount(s, from.dir) }
	f.VarP(appendTo(&cfg.Mounts, volume), "volume", "v", "mount a host path: source:path[:options]")
	f.Var(appendTo(&cfg.Mounts, mount), "mount", "mount a file system: type=bind|tmpfs,source=path,target=path")
	f.Var(appendTo(&cfg.Mounts, container.ParseTmpfs), "tmpfs", "mount a tmpfs: path[:options]")
	f.Var(appendTo(&cfg.Devices, container.ParseDevice), "device", "give access to a device of the host: path[:path][:rwm], or by name: vendor/class=name (CDI)")
	f.Var(parsed{kind: "gpus", set: func(s string) error {
		gpus, err := container.ParseGPUs(s)
		cfg.Devices = append(cfg.Devices, gpus...)
		return err
	}}, "gpus", "give access to GPUs of NVIDIA: all, how many, or device=0,1 (the same as --device nvidia.com/gpu=all)")
	f.BoolVar(&cfg.Root.ReadOnly, "read-only", false, "make the root file system read-only")
	f.BoolVar(&cfg.Root.ReadOnlyTmpfs, "read-only-tmpfs", cfg.Root.ReadOnlyTmpfs, "with --read-only, keep /dev, /dev/shm, /run, /tmp and /var/tmp writable")
}

func addEndFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	f.Var(parsed{kind: "signal", set: func(s string) error {
		sig, err := container.ParseSignal(s)
		if err == nil {
			cfg.Stop.Signal = container.SignalName(sig)
		}
		return err
	}}, "stop-signal", "signal that asks the container to end (default the image's, or SIGTERM)")
	f.UintVar(&cfg.Stop.Timeout, "stop-timeout", cfg.Stop.Timeout, "seconds between the stop signal and SIGKILL")
	f.UintVar(&cfg.Stop.MaxRun, "timeout", 0, "end the container after this many seconds")
	f.Var(into("policy", &cfg.Restart, container.ParseRestart).withDefault(string(cfg.Restart.Policy)), "restart", "when to start again: no, on-failure[:max], always, unless-stopped")
	f.Var(into("driver", &cfg.Log.Driver, container.ParseLogDriver).withDefault(string(cfg.Log.Driver)), "log-driver", "where output is kept: k8s-file, json-file, journald, passthrough, none")
	f.Var(parsed{kind: "list", set: func(s string) error { return cfg.Log.SetOption(s, from.dir) }}, "log-opt", "log option: path=, max-size=, max-file=, tag=")
}
