package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/pod-engine/pod/pkg/build/plan"
	"golang.org/x/sys/unix"
)

// leave is what targets may do, or would, that a file of targets cannot decide: who runs bake in a directory trusts the files below it, not that
// what they say stays there.
type leave struct {
	insecure    bool
	ssh         bool            // the caller's agent
	devices     bool            // all of them
	device      map[string]bool // by name
	read, write []string        // paths; "*": any
}

// set reads one --allow.
func (l *leave) set(s string) error {
	key, value, _ := strings.Cut(s, "=")
	switch {
	case s == "network.host", s == "image.push", s == "image.load", s == "image", key == "image.push", key == "image.load", key == "image":
		// These need no leave.
	case s == "security.insecure":
		l.insecure = true
	case s == "ssh":
		l.ssh = true
	case s == "device":
		l.devices = true
	case key == "device":
		name, _, _ := strings.Cut(value, ",")
		l.device[name] = true
	case key == "fs.read" && value != "":
		l.read = append(l.read, value)
	case key == "fs.write" && value != "":
		l.write = append(l.write, value)
	case key == "fs" && value != "":
		l.read, l.write = append(l.read, value), append(l.write, value)
	default:
		return fmt.Errorf("%q: it is security.insecure, ssh, device, device=NAME, fs.read=PATH, fs.write=PATH or fs=PATH; network.host needs no leave", s)
	}
	return nil
}

// setBy allows what --set names: who says it has read it.
func (l *leave) setBy(words []string) {
	for _, word := range words {
		left, value, _ := strings.Cut(word, "=")
		parts := strings.Split(strings.TrimSuffix(left, "+"), ".")
		if len(parts) < 2 {
			continue
		}
		switch parts[1] {
		case "entitlement", "entitlements":
			l.insecure = l.insecure || value == "security.insecure"
		case "ssh":
			l.read = append(l.read, bake.ParseAgent(value).Paths...)
		case "output", "cache-from", "cache-to", "secret", "secrets":
			kind := map[string]string{"output": bake.OutputEntry, "cache-from": bake.CacheEntry, "cache-to": bake.CacheEntry}[parts[1]]
			if e, err := bake.ParseEntry(kind, value); err == nil {
				l.read, l.write = append(l.read, e["src"], e["source"]), append(l.write, e["dest"])
			}
		}
	}
}

// need notes what a target of the source would do.
func (l *leave) need(t bake.Target, from bakeSource) {
	for _, e := range t.Entitlements {
		key, name, named := strings.Cut(e, "=")
		name, _, _ = strings.Cut(name, ",")
		switch {
		case e == "security.insecure":
			l.insecure = true
		case key == "device" && named:
			l.device[name] = true
		case key == "device":
			l.devices = true
		}
	}
	for _, value := range t.Contexts {
		if path, ok := namedContextPath(value, from); ok {
			l.read = append(l.read, path)
		}
	}
	l.needContext(t, from)
	for _, e := range t.CacheFrom {
		l.read = append(l.read, e["src"])
	}
	for _, e := range t.Secrets {
		l.read = append(l.read, e["src"])
		if _, set := os.LookupEnv(e["id"]); e["src"] == "" && e["env"] == "" && !set {
			l.read = append(l.read, e["id"])
		}
	}
	for _, agent := range t.SSH {
		l.ssh = l.ssh || len(agent.Paths) == 0
		l.read = append(l.read, agent.Paths...)
	}
	for _, e := range slices.Concat(t.Outputs, t.CacheTo) {
		if e["dest"] != "-" {
			l.write = append(l.write, e["dest"])
		}
	}
}

// needContext notes what is read of the context of a target, and in which places its Dockerfile is looked for (see findDockerfile).
func (l *leave) needContext(t bake.Target, from bakeSource) {
	dir, here := contextPath(*t.Context, from)
	if here {
		l.read = append(l.read, dir)
	}
	file, fileHere := strings.CutPrefix(*t.Dockerfile, "cwd://")
	switch {
	case t.DockerfileInline != nil:
	case fileHere:
		l.read = append(l.read, file, resolve(dir, file))
	case here:
		file := resolve(dir, *t.Dockerfile)
		l.read = append(l.read, file, resolve(dir, file))
		if *t.Dockerfile == "Dockerfile" {
			l.read = append(l.read, filepath.Join(dir, "Containerfile"))
		}
	}
}

// contextPath is the path of CONTEXT on this machine; false: it is elsewhere. Whatever is no address is a path, even if it begins as a named context may.
func contextPath(value string, from bakeSource) (string, bool) {
	return localPath(value), !plan.IsAddress(value) && !from.has(value)
}

// namedContextPath is contextPath for one of the named contexts, of which some are images.
func namedContextPath(value string, from bakeSource) (string, bool) {
	if layout, ok := strings.CutPrefix(value, "oci-layout://"); ok {
		return parseLayoutName(layout).dir, true
	}
	if strings.HasPrefix(value, "target:") || strings.HasPrefix(value, "docker-image://") {
		return "", false
	}
	return contextPath(value, from)
}

func resolve(dir, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(dir, name)
}

// missing are the --allow that would let all of want be done.
func (l *leave) missing(want *leave, paths bool) (flags []string, err error) {
	add := func(missing bool, flag string) {
		if missing && !slices.Contains(flags, "--allow="+flag) {
			flags = append(flags, "--allow="+flag)
		}
	}
	add(want.insecure && !l.insecure, "security.insecure")
	add(want.devices && !l.devices, "device")
	for name := range want.device {
		add(!l.devices && !l.device[name], "device="+name)
	}
	if !paths {
		return flags, nil
	}
	add(want.ssh && !l.ssh, "ssh")
	for _, kind := range []struct {
		key         string
		have, wants []string
	}{{"fs.read", l.read, want.read}, {"fs.write", l.write, want.write}} {
		outside, err := outsideOf(kind.have, kind.wants)
		if err != nil {
			return nil, err
		}
		for _, path := range outside {
			add(true, kind.key+"="+path)
		}
	}
	slices.Sort(flags)
	return flags, nil
}

// outsideOf gives the paths that are in none of the directories, with all links followed.
func outsideOf(dirs, paths []string) ([]string, error) {
	if slices.Contains(dirs, "*") {
		return nil, nil
	}
	var inside []string
	for _, dir := range append(dirs, ".") {
		if dir == "" {
			continue
		}
		real, rest, err := existing(dir)
		if err != nil {
			return nil, err
		}
		inside = append(inside, filepath.Join(real, rest))
	}
	var wanted []string
	for _, path := range paths {
		if path == "" {
			continue
		}
		real, rest, err := existing(path)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, filepath.Join(real, rest))
	}
	slices.Sort(wanted) // a directory before what is in it
	var out []string
	for _, path := range wanted {
		within := func(dir string) bool { return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/") }
		if !slices.ContainsFunc(inside, within) && !slices.ContainsFunc(out, within) {
			out = append(out, path)
		}
	}
	return out, nil
}

// existing is the part of a path that there is, with links followed, and the rest.
func existing(path string) (real, rest string, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", "", err
	}
	for dir := path; ; dir = filepath.Dir(dir) {
		real, err := filepath.EvalSymlinks(dir)
		if err == nil {
			rest, err = filepath.Rel(dir, path)
			return real, rest, err
		}
		if !errors.Is(err, os.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) || dir == "/" {
			return "", "", err
		}
	}
}

// allowTargets asks for, or demands, leave for what the targets would do that the file alone cannot decide.
func (b *baking) allowTargets() error {
	have, want := &leave{device: map[string]bool{}}, &leave{device: map[string]bool{}}
	for _, word := range b.allow {
		if err := have.set(word); err != nil {
			return usageError{fmt.Errorf("--allow %w", err)}
		}
	}
	have.setBy(b.set)
	for _, t := range b.plan.Targets {
		want.need(t, b.source)
	}
	paths, err := b.checksPaths()
	if err != nil {
		return usageError{err}
	}
	flags, err := have.missing(want, paths)
	if err != nil || len(flags) == 0 {
		return err
	}
	refused := hint.Wrap(errors.New("the targets ask for more than the files of this directory"), strings.Join(flags, " ")+" allows it")
	if !terminal.IsTerminal(b.In) || b.bakeOptions.progress == "rawjson" {
		return refused
	}
	fmt.Fprintf(b.Err, "The targets ask for:\n %s\n", report.Escape(strings.Join(flags, "\n ")))
	if !b.confirm("This lets them have it.") {
		return refused
	}
	return nil
}

// checksPaths says whether paths are looked at, which variables of buildx's can switch off.
func (b *baking) checksPaths() (bool, error) {
	checks := true
	for _, v := range []struct {
		name   string
		counts bool
		off    bool // the value that switches it off
	}{{"BAKE_ALLOW_REMOTE_FS_ACCESS", b.remote(), true}, {"BUILDX_BAKE_ENTITLEMENTS_FS", true, false}} {
		text := os.Getenv(v.name)
		if text == "" || !v.counts {
			continue
		}
		on, err := strconv.ParseBool(text)
		if err != nil {
			return false, fmt.Errorf("%s: %q is neither true nor false", v.name, text)
		}
		checks = on != v.off
	}
	return checks, nil
}

// buildAllows are the --allow that build is given for a target: what was allowed, of what the target asks for.
func (b *baking) buildAllows() []string {
	var out []string
	for _, word := range b.allow {
		if word == "security.insecure" || strings.HasPrefix(word, "device") {
			out = append(out, word)
		}
	}
	return out
}
