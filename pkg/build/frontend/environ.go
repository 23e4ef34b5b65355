package frontend

import (
	"maps"
	"slices"
	"strings"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// environ is variables in the order in which they were first set. It is what the lexer asks.
type environ struct {
	names  []string
	values map[string]string
}

func newEnviron(entries []string) *environ {
	e := &environ{values: map[string]string{}}
	for _, entry := range entries {
		name, value, _ := strings.Cut(entry, "=")
		e.set(name, value)
	}
	return e
}

func (e *environ) set(name, value string) {
	if _, ok := e.values[name]; !ok {
		e.names = append(e.names, name)
	}
	e.values[name] = value
}

// Get and Keys are shell.EnvGetter.
func (e *environ) Get(name string) (string, bool) {
	value, ok := e.values[name]
	return value, ok
}

func (e *environ) Keys() []string { return e.names }

func (e *environ) clone() *environ {
	return &environ{names: slices.Clone(e.names), values: maps.Clone(e.values)}
}

// entries are NAME=value, in order.
func (e *environ) entries() []string {
	out := make([]string, len(e.names))
	for i, name := range e.names {
		out[i] = name + "=" + e.values[name]
	}
	return out
}

// longest is the length of the longest value.
func (e *environ) longest() int {
	most := 0
	for _, value := range e.values {
		most = max(most, len(value))
	}
	return most
}

// setEntry sets a variable in a list of NAME=value.
func setEntry(env []string, name, value string) []string {
	entry := name + "=" + value
	i := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, entry[:len(name)+1]) })
	if i < 0 {
		return append(env, entry)
	}
	env[i] = entry
	return env
}

// platformArgs are the variables that a build knows about itself. They are in scope before the first FROM; a stage sees one
// after it has declared it.
func platformArgs(req plan.Request) *environ {
	target := req.Target
	if target == "" {
		target = "default"
	}
	e := newEnviron(nil)
	for name, p := range map[string]plan.Platform{"BUILD": req.BuildPlatform, "TARGET": req.Platform} {
		e.set(name+"PLATFORM", p.String())
		e.set(name+"OS", p.OS)
		e.set(name+"OSVERSION", "")
		e.set(name+"ARCH", p.Arch)
		e.set(name+"VARIANT", p.Variant)
	}
	e.set("TARGETSTAGE", target)
	slices.Sort(e.names)
	return e
}

// proxyArgs are the arguments that need no ARG, reach every RUN, and are in no history and no cache key.
func proxyArgs(args map[string]string) []string {
	var out []string
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"} {
		for _, n := range []string{name, strings.ToLower(name)} {
			if value, ok := args[n]; ok {
				out = append(out, n+"="+value)
			}
		}
	}
	return out
}
