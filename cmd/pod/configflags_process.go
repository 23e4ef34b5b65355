package main

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/pkg/container"
)

func addIdentityFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	f.StringVar(&cfg.Name, "name", "", "name of the container (default two random words)")
	f.BoolVar(&cfg.Remove, "rm", false, "remove the container when it ends")
	f.StringVarP(&cfg.Hostname, "hostname", "h", "", "host name inside the container")
	f.StringVar(&cfg.Timezone, "tz", "", "time zone, or local for this machine's")
	f.Var(into("file", &cfg.CIDFile, from.absolute), "cidfile", "write the container's id to a file")
	f.Var(into("file", &cfg.PIDFile, from.absolute), "pidfile", "write the container's process id to a file at each start")
	addLabelFlags(f, cfg)
	f.Var(parsed{kind: "key=value", set: func(s string) error { return setLabel(&cfg.Annotations, s) }}, "annotation", "add an annotation for the OCI runtime")
}

func setLabel(labels *map[string]string, s string) error {
	key, value, err := container.ParseLabel(s)
	if err != nil {
		return err
	}
	if *labels == nil {
		*labels = make(map[string]string)
	}
	(*labels)[key] = value
	return nil
}

// addLabelFlags lets --label win over --label-file in whatever order they are given.
func addLabelFlags(f *pflag.FlagSet, cfg *container.Config) {
	files, given := make(map[string]string), make(map[string]string)
	join := func() {
		cfg.Labels = maps.Clone(files)
		maps.Copy(cfg.Labels, given)
	}
	f.VarP(parsed{kind: "key=value", set: func(s string) error {
		err := setLabel(&given, s)
		join()
		return err
	}}, "label", "l", "add a label")
	f.Var(parsed{kind: "file", set: func(s string) error {
		text, err := readSmallFile(s)
		if err != nil {
			return err
		}
		labels, err := container.ParseLabelFile(text)
		maps.Copy(files, labels)
		join()
		return err
	}}, "label-file", "read labels from a file, one key=value per line")
}

func addProcessFlags(f *pflag.FlagSet, cfg *container.Config) {
	p := &cfg.Process
	f.BoolVarP(&p.Interactive, "interactive", "i", false, "keep standard input open")
	f.BoolVarP(&p.Terminal, "tty", "t", false, "give the container a terminal")
	f.Var(into("command", &p.Entrypoint, container.ParseEntrypoint), "entrypoint", "replace the image's entrypoint; empty clears it")
	f.StringVarP(&p.Workdir, "workdir", "w", "", "working directory inside the container")
	f.StringVarP(&p.User, "user", "u", "", "user, by name or number, and group: user[:group]")
	f.Var(parsed{kind: "list", set: func(s string) error {
		p.Groups = append(p.Groups, strings.Split(s, ",")...)
		return nil
	}}, "group-add", "add supplementary groups, or keep-groups to keep your own")
	f.BoolVar(&p.Init, "init", false, "run a small init as process 1 that reaps and forwards signals")
	f.Var(into("octal", &p.Umask, container.ParseUmask).withDefault("0022"), "umask", "file mode creation mask")
	f.Var(ulimits(&p.Ulimits), "ulimit", "set a resource limit: name=soft[:hard], or host for your own limits")
	f.Var(pointerTo("int", &p.OOMScoreAdj, container.ParseOOMScoreAdj), "oom-score-adj", "out-of-memory preference, -1000 to 1000")
}

// ulimits keeps the last value given for each name. The word host drops all of them: the caller's limits are what a container
// has anyway.
func ulimits(dst *[]container.Ulimit) parsed {
	return parsed{kind: "list", set: func(s string) error {
		if s == "host" {
			*dst = nil
			return nil
		}
		u, err := container.ParseUlimit(s)
		if err != nil {
			return err
		}
		*dst = slices.DeleteFunc(*dst, func(other container.Ulimit) bool { return other.Name == u.Name })
		*dst = append(*dst, u)
		return nil
	}}
}

// envFlags keeps apart where variables come from, because a flag's source decides which value wins, not its place on the
// command line: --env over --env-file over --env-host.
type envFlags struct {
	cfg               *container.Config
	from              caller
	host              bool
	fromFiles, single []string
}

func addEnvFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	e := &envFlags{cfg: cfg, from: from}
	f.VarP(parsed{kind: "list", set: e.add}, "env", "e", "set a variable; without a value, take yours")
	f.Var(parsed{kind: "file", set: e.addFile}, "env-file", "read variables from a file, one per line")
	env := f.VarPF(parsed{kind: "bool", set: e.setHost}, "env-host", "", "take all of your variables")
	env.NoOptDefVal = "true"
	proxies := f.VarPF(parsed{kind: "bool", set: e.setProxies}, "http-proxy", "", "take your http_proxy, https_proxy, ftp_proxy, all_proxy and no_proxy")
	proxies.NoOptDefVal = "true"
	f.Var(parsed{kind: "list", set: e.unset}, "unsetenv", "leave out a variable of the image")
	all := f.VarPF(parsed{kind: "bool", set: e.unsetAll}, "unsetenv-all", "", "leave out all variables of the image and the defaults")
	all.NoOptDefVal = "true"
}

func (e *envFlags) add(s string) error {
	env, err := container.ParseEnv(s, e.from.environ)
	e.single = append(e.single, env...)
	e.join()
	return err
}

func (e *envFlags) addFile(path string) error {
	text, err := readSmallFile(path)
	if err != nil {
		return err
	}
	env, err := container.ParseEnvFile(text, e.from.environ)
	e.fromFiles = append(e.fromFiles, env...)
	e.join()
	return err
}

func (e *envFlags) setHost(s string) (err error) {
	e.host, err = strconv.ParseBool(s)
	e.join()
	return err
}

// setProxies gives proxies the rank of what containers.conf says: the image's variables and those of flags go before them.
func (e *envFlags) setProxies(s string) error {
	taken, err := strconv.ParseBool(s)
	if taken {
		e.cfg.Process.DefaultEnv = proxiesOf(e.from.environ)
	}
	return err
}

func (e *envFlags) unset(s string) error {
	e.cfg.Process.UnsetEnv = append(e.cfg.Process.UnsetEnv, strings.Split(s, ",")...)
	e.join()
	return nil
}

func (e *envFlags) unsetAll(s string) (err error) {
	e.cfg.Process.UnsetEnvAll, err = strconv.ParseBool(s)
	return err
}

func (e *envFlags) join() {
	var host []string
	for _, entry := range e.from.environ {
		// A function exported by a shell has a name that no flag could give; it is left behind.
		name, _, ok := strings.Cut(entry, "=")
		if e.host && ok && name != "" && !strings.ContainsAny(name, " \t\n()%") && !slices.Contains(e.cfg.Process.UnsetEnv, name) {
			host = append(host, entry)
		}
	}
	e.cfg.Process.Env = container.MergeEnv(host, e.fromFiles, e.single)
}
