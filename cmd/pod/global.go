package main

import "github.com/spf13/pflag"

// globalFlags are the flags before the verb.
type globalFlags struct {
	root, runRoot  string
	runtime        string
	runtimeFlags   []string
	storageDriver  string
	storageOptions []string
	cdiDirs        []string
	logLevel       string
	debug          bool
}

func (g *globalFlags) add(f *pflag.FlagSet) {
	f.StringVar(&g.root, "root", "", "directory of images and of pod's own state (default from storage.conf and XDG_DATA_HOME)")
	f.StringVar(&g.runRoot, "runroot", "", "directory of volatile state (default from storage.conf and XDG_RUNTIME_DIR)")
	f.StringVar(&g.runtime, "runtime", "", "OCI runtime: a name on PATH or a path (default crun, then runc)")
	f.StringArrayVar(&g.runtimeFlags, "runtime-flag", nil, "global flag for the OCI runtime, without its leading dashes")
	f.StringVar(&g.storageDriver, "storage-driver", "", "storage driver (overlay, vfs)")
	f.StringArrayVar(&g.storageOptions, "storage-opt", nil, "storage driver option")
	f.StringArrayVar(&g.cdiDirs, "cdi-spec-dir", nil, "directory of specifications of devices by name, CDI (default /etc/cdi and /var/run/cdi)")
	f.BoolVarP(&g.debug, "debug", "D", false, "docker's word for --log-level debug")
	f.Lookup("debug").Hidden = true
	f.StringVar(&g.logLevel, "log-level", "warn", "show messages at or above this level: trace, debug, info, warn, error, fatal, panic")
}

// args gives the flags that another pod needs to work on the same state with the same runtime.
func (g *globalFlags) args() []string {
	var args []string
	for _, flag := range [][2]string{
		{"--root", g.root}, {"--runroot", g.runRoot}, {"--runtime", g.runtime}, {"--storage-driver", g.storageDriver},
	} {
		if flag[1] != "" {
			args = append(args, flag[0], flag[1])
		}
	}
	for _, option := range g.storageOptions {
		args = append(args, "--storage-opt", option)
	}
	for _, dir := range g.cdiDirs {
		args = append(args, "--cdi-spec-dir", dir)
	}
	for _, flag := range g.runtimeFlags {
		args = append(args, "--runtime-flag", flag)
	}
	return args
}
