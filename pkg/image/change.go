package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Change is one instruction of a Containerfile that changes only the configuration of an image, as commit and import take them.
type Change struct{ instruction, rest string }

// apply is what the instruction does to a configuration.
func (c Change) apply(conf *Config) error {
	set, ok := map[string]func(*Config, string) error{
		"CMD": changeCmd, "ENTRYPOINT": changeEntrypoint, "ENV": changeEnv, "EXPOSE": changeExpose, "HEALTHCHECK": changeHealthcheck,
		"LABEL": changeLabel, "MAINTAINER": changeMaintainer, "ONBUILD": changeOnbuild, "SHELL": changeShell, "STOPSIGNAL": changeStopsignal,
		"USER": changeUser, "VOLUME": changeVolume, "WORKDIR": changeWorkdir,
	}[c.instruction]
	if !ok {
		return errors.New("it is none of CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, MAINTAINER, ONBUILD, SHELL, STOPSIGNAL, USER, VOLUME, WORKDIR")
	}
	return set(conf, c.rest)
}

// ParseChange reads an instruction: "CMD sleep 1", `ENTRYPOINT ["a", "b"]`, "ENV A=b C=d", or with an equals sign as podman also takes it,
// "CMD=/bin/sh".
func ParseChange(text string) (Change, error) {
	text = strings.TrimSpace(text)
	end := strings.IndexFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '=' })
	if end < 0 {
		return Change{}, fmt.Errorf("change %q: it is an instruction and what it sets, as \"CMD sleep 1\"", text)
	}
	c := Change{strings.ToUpper(text[:end]), strings.TrimSpace(text[end+1:])}
	return c, c.check()
}

func (c Change) check() error {
	var conf Config
	if err := c.apply(&conf); err != nil {
		return fmt.Errorf("change %q: %w", c, err)
	}
	return nil
}

func (c Change) String() string { return c.instruction + " " + c.rest }

// Apply changes the configuration.
func (c *Config) Apply(changes []Change) error {
	for _, change := range changes {
		if err := change.apply(c); err != nil {
			return fmt.Errorf("change %q: %w", change, err)
		}
	}
	return nil
}

// command reads the JSON form, or the shell form, which the image's shell runs.
func command(conf *Config, text string) []string {
	if list, ok := jsonList(text); ok {
		return list
	}
	shell := conf.Docker.Shell
	if len(shell) == 0 {
		shell = []string{"/bin/sh", "-c"}
	}
	return append(slices.Clone(shell), text)
}

func jsonList(text string) ([]string, bool) {
	var list []string
	return list, json.Unmarshal([]byte(text), &list) == nil && list != nil
}

func changeCmd(conf *Config, text string) error {
	conf.Config.Cmd = command(conf, text)
	return nil
}

func changeEntrypoint(conf *Config, text string) error {
	conf.Config.Entrypoint = command(conf, text)
	return nil
}

func changeEnv(conf *Config, text string) error {
	pairs, err := assignments(text)
	for _, p := range pairs {
		name, _, _ := strings.Cut(p, "=")
		conf.Config.Env = append(slices.DeleteFunc(conf.Config.Env, func(have string) bool { return strings.HasPrefix(have, name+"=") }), p)
	}
	return err
}

func changeLabel(conf *Config, text string) error {
	pairs, err := assignments(text)
	for _, p := range pairs {
		if conf.Config.Labels == nil {
			conf.Config.Labels = map[string]string{}
		}
		key, value, _ := strings.Cut(p, "=")
		conf.Config.Labels[key] = value
	}
	return err
}

// assignments reads NAME=VALUE pairs, or the older NAME VALUE, which is one.
func assignments(text string) ([]string, error) {
	fields, err := words(text)
	if err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, errors.New("nothing is set: it is NAME=VALUE")
	}
	if name, value, ok := strings.Cut(text, " "); ok && !strings.Contains(fields[0], "=") {
		return []string{name + "=" + strings.TrimSpace(value)}, nil
	}
	for _, f := range fields {
		if name, _, ok := strings.Cut(f, "="); !ok || name == "" {
			return nil, fmt.Errorf("%q is not NAME=VALUE", f)
		}
	}
	return fields, nil
}

func changeExpose(conf *Config, text string) error {
	fields, err := words(text)
	for _, f := range fields {
		port, proto, ok := strings.Cut(f, "/")
		if !ok {
			proto = "tcp"
		}
		if first, last, _ := strings.Cut(port, "-"); !isNumber(first) || last != "" && !isNumber(last) {
			return fmt.Errorf("%q is no port: it is NUMBER, NUMBER/udp or FIRST-LAST", f)
		}
		if conf.Config.ExposedPorts == nil {
			conf.Config.ExposedPorts = map[string]struct{}{}
		}
		conf.Config.ExposedPorts[port+"/"+proto] = struct{}{}
	}
	return err
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == "" && len(s) <= 5
}

func changeVolume(conf *Config, text string) error {
	list, ok := jsonList(text)
	if !ok {
		var err error
		if list, err = words(text); err != nil {
			return err
		}
	}
	for _, v := range list {
		if conf.Config.Volumes == nil {
			conf.Config.Volumes = map[string]struct{}{}
		}
		conf.Config.Volumes[v] = struct{}{}
	}
	return nil
}

func changeHealthcheck(conf *Config, text string) error {
	h := &Healthcheck{}
	for strings.HasPrefix(text, "--") {
		flag, rest, _ := strings.Cut(text, " ")
		if err := h.set(strings.TrimPrefix(flag, "--")); err != nil {
			return err
		}
		text = strings.TrimSpace(rest)
	}
	kind, rest, _ := strings.Cut(text, " ")
	switch strings.ToUpper(kind) {
	case "NONE":
		h.Test = []string{"NONE"}
	case "CMD":
		if list, ok := jsonList(strings.TrimSpace(rest)); ok {
			h.Test = append([]string{"CMD"}, list...)
		} else {
			h.Test = []string{"CMD-SHELL", strings.TrimSpace(rest)}
		}
	default:
		return errors.New("it is HEALTHCHECK CMD COMMAND or HEALTHCHECK NONE")
	}
	conf.Docker.Healthcheck = h
	return nil
}

func (h *Healthcheck) set(flag string) error {
	name, value, _ := strings.Cut(flag, "=")
	if name == "retries" {
		if !isNumber(value) {
			return fmt.Errorf("--retries %q is not a number", value)
		}
		_, err := fmt.Sscan(value, &h.Retries)
		return err
	}
	field, ok := map[string]*time.Duration{
		"interval": &h.Interval, "timeout": &h.Timeout, "start-period": &h.StartPeriod, "start-interval": &h.StartInterval,
	}[name]
	if !ok {
		return fmt.Errorf("there is no --%s: there are --interval, --timeout, --start-period, --start-interval, --retries", name)
	}
	d, err := time.ParseDuration(value)
	*field = d
	return err
}

func changeMaintainer(conf *Config, text string) error {
	conf.Author = text
	return nil
}

func changeOnbuild(conf *Config, text string) error {
	conf.Docker.OnBuild = append(conf.Docker.OnBuild, text)
	return nil
}

func changeShell(conf *Config, text string) error {
	list, ok := jsonList(text)
	if !ok {
		return errors.New(`it is a JSON list, as SHELL ["/bin/bash", "-c"]`)
	}
	conf.Docker.Shell = list
	return nil
}

func changeStopsignal(conf *Config, text string) error {
	conf.Config.StopSignal = text
	return nil
}

func changeUser(conf *Config, text string) error {
	conf.Config.User = text
	return nil
}

func changeWorkdir(conf *Config, text string) error {
	if !path.IsAbs(text) {
		text = path.Join("/", conf.Config.WorkingDir, text)
	}
	conf.Config.WorkingDir = path.Clean(text)
	return nil
}

// words splits text at spaces, which quotes and backslashes protect, as a Containerfile has it.
func words(text string) ([]string, error) {
	var out []string
	var word strings.Builder
	in, quote := false, rune(0)
	runes := []rune(text)
	for i := 0; i < len(runes); i++ {
		switch r := runes[i]; {
		case r == '\\' && quote != '\'' && i+1 < len(runes):
			i++
			word.WriteRune(runes[i])
			in = true
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, in = r, true
		case quote == 0 && unicode.IsSpace(r):
			if in {
				out = append(out, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed", quote)
	}
	if in {
		out = append(out, word.String())
	}
	return out, nil
}
