package main

import "github.com/spf13/pflag"

func (g *globalFlags) add(f *pflag.FlagSet) {
	f.StringVar(&g.root, "root", "", "directory of images and of pod's own state (default from storage.conf and XDG_DATA_HOME)")
	f.StringVar(&g.runRoot, "runroot", "", "directory of volatile state (default from storage.conf and XDG_RUNTIME_DIR)")
	f.StringVar(&g.runtime, "runtime", "", "OCI runtime: a name on PATH or a path (default crun, then runc)")
	f.StringArrayVar(&g.runtimeFlags, "runtime-flag", nil, "global flag for the OCI runtime, without its leading dashes")
	f.StringVar(&g.storageDriver, "storage-driver", "", "storage driver (overlay, vfs)")
	f.StringArrayVar(&g.storageOptions, "storage-opt", nil, "storage driver option")
	f.StringVar(&g.cgroupManager, "cgroup-manager", "", "cgroup manager: systemd, cgroupfs or disabled")
	f.StringVar(&g.logLevel, "log-level", "warn", "log messages at or above this level: trace, debug, info, warn, error, fatal, panic")
}
