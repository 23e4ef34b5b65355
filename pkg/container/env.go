package container

import (
	"slices"
	"strings"
)

// MaxTextFile bounds the files of variables and labels that a flag names.
const MaxTextFile = 1 << 20

// Environ is an environment as os.Environ gives it.
type Environ []string

// Lookup is the value of a variable and whether it is set.
func (e Environ) Lookup(name string) (string, bool) {
	for _, entry := range e {
		if n, v, ok := strings.Cut(entry, "="); ok && n == name {
			return v, true
		}
	}
	return "", false
}

// ParseEnv reads one variable as given to --env: NAME=value; NAME, which takes the caller's value and is nothing where
// the caller has none; or PREFIX*, which takes every variable of the caller whose name begins so.
func ParseEnv(s string, caller Environ) ([]string, error) {
	name, _, hasValue := strings.Cut(s, "=")
	if err := checkEnvName(s, name); err != nil {
		return nil, err
	}
	if err := checkText("variable "+clip(name), s); err != nil {
		return nil, err
	}
	if hasValue {
		return []string{s}, nil
	}
	prefix, glob := strings.CutSuffix(name, "*")
	if !glob {
		return takeEnv(name, caller), nil
	}
	var out []string
	for _, entry := range caller {
		if n, _, ok := strings.Cut(entry, "="); ok && n != "" && strings.HasPrefix(n, prefix) {
			out = append(out, entry)
		}
	}
	slices.Sort(out)
	return out, nil
}

func takeEnv(name string, caller Environ) []string {
	if v, ok := caller.Lookup(name); ok {
		return []string{name + "=" + v}
	}
	return nil
}

func checkEnvName(s, name string) error {
	if name == "" {
		return invalid("%q names no variable; give NAME=VALUE", clip(s))
	}
	if strings.ContainsAny(name, " \t\n\r\x00") {
		return invalid("variable %q has white space in its name; give NAME=VALUE", clip(name))
	}
	return nil
}

// ParseEnvFile reads the text of a file of variables: a line is NAME=value, with nothing unquoted or expanded, or NAME,
// which takes the caller's value; empty lines and lines that begin with "#" say nothing.
func ParseEnvFile(text string, caller Environ) ([]string, error) {
	var out []string
	err := eachLine(text, func(n int, line string) error {
		line = strings.TrimLeft(line, " \t")
		name, _, hasValue := strings.Cut(line, "=")
		if err := checkEnvName(line, name); err != nil {
			return invalid("line %d: %s", n, err)
		}
		if err := checkText("variable "+clip(name), line); err != nil {
			return invalid("line %d: %s", n, err)
		}
		if hasValue {
			out = append(out, line)
		} else {
			out = append(out, takeEnv(name, caller)...)
		}
		return nil
	})
	return out, err
}

// eachLine gives each line of a text that says something, with its number.
func eachLine(text string, f func(n int, line string) error) error {
	if len(text) > MaxTextFile {
		return invalid("the file is %d bytes long; at most %d are read", len(text), MaxTextFile)
	}
	text = strings.TrimPrefix(text, "\ufeff")
	n := 0
	for line := range strings.SplitSeq(text, "\n") {
		n++
		line = strings.TrimSuffix(line, "\r")
		if t := strings.TrimLeft(line, " \t"); t == "" || t[0] == '#' {
			continue
		}
		if err := f(n, line); err != nil {
			return err
		}
	}
	return nil
}

// MergeEnv joins lists of NAME=value: of two entries of one name the later value wins, at the place of the first.
func MergeEnv(lists ...[]string) []string {
	var out []string
	at := make(map[string]int)
	for _, list := range lists {
		for _, entry := range list {
			name, _, _ := strings.Cut(entry, "=")
			if i, seen := at[name]; seen {
				out[i] = entry
				continue
			}
			at[name] = len(out)
			out = append(out, entry)
		}
	}
	return out
}

// ParseLabel reads KEY=value; without "=" the value is empty.
func ParseLabel(s string) (key, value string, err error) {
	key, value, _ = strings.Cut(s, "=")
	return key, value, checkLabel(key, value)
}

func checkLabel(key, value string) error {
	if key == "" || hasControl(key) {
		return invalid("%q is not a label; give KEY=VALUE", clip(key+"="+value))
	}
	return checkText("label "+clip(key), key+"="+value)
}

// ParseLabelFile reads the text of a file of labels, one KEY=value on a line, with comments as in ParseEnvFile.
func ParseLabelFile(text string) (map[string]string, error) {
	labels := make(map[string]string)
	err := eachLine(text, func(n int, line string) error {
		key, value, err := ParseLabel(strings.TrimLeft(line, " \t"))
		if err != nil {
			return invalid("line %d: %s", n, err)
		}
		labels[key] = value
		return nil
	})
	return labels, err
}
