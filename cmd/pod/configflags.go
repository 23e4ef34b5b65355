package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/pod-engine/pod/pkg/container"
)

// caller is what flags take from the person's surroundings: variables for --env NAME, a directory for relative paths.
type caller struct {
	environ container.Environ
	dir     string // absolute
}

// addConfigFlags binds the flags that describe a container to the fields of cfg, which comes from container.NewConfig.
// Files that flags name are read while flags are parsed. -h is the host name, so help is --help alone, as in docker and
// podman.
func addConfigFlags(f *pflag.FlagSet, cfg *container.Config, from caller) {
	f.Bool("help", false, "show this help")
	addIdentityFlags(f, cfg, from)
	addProcessFlags(f, cfg)
	addEnvFlags(f, cfg, from)
	addFileFlags(f, cfg, from)
	addNamespaceFlags(f, cfg)
	addNetworkFlags(f, cfg, from)
	addResourceFlags(f, cfg)
	addSecurityFlags(f, cfg, from)
	addEndFlags(f, cfg, from)
}

// normalizeConfigFlag gives the name of a flag for its other spellings; for FlagSet.SetNormalizeFunc.
func normalizeConfigFlag(_ *pflag.FlagSet, name string) pflag.NormalizedName {
	switch name {
	case "net":
		name = "network"
	case "dns-opt":
		name = "dns-option"
	}
	return pflag.NormalizedName(name)
}

// parsed is a flag whose value a function reads straight into a configuration.
type parsed struct {
	kind, fallback string // what help shows as type and default
	set            func(string) error
}

func (p parsed) Set(s string) error { return p.set(s) }
func (p parsed) Type() string       { return p.kind }
func (p parsed) String() string     { return p.fallback }

// into makes a flag that stores what parse reads.
func into[T any](kind string, dst *T, parse func(string) (T, error)) parsed {
	return parsed{kind: kind, set: func(s string) error {
		v, err := parse(s)
		if err == nil {
			*dst = v
		}
		return err
	}}
}

// appendTo makes a flag that may be given several times.
func appendTo[T any](dst *[]T, parse func(string) (T, error)) parsed {
	return parsed{kind: "list", set: func(s string) error {
		v, err := parse(s)
		if err == nil {
			*dst = append(*dst, v)
		}
		return err
	}}
}

// pointerTo is into for fields whose nil means that nothing was chosen.
func pointerTo[T any](kind string, dst **T, parse func(string) (T, error)) parsed {
	return parsed{kind: kind, set: func(s string) error {
		v, err := parse(s)
		if err == nil {
			*dst = &v
		}
		return err
	}}
}

// withDefault says what help shows as the default.
func (p parsed) withDefault(s string) parsed {
	p.fallback = s
	return p
}

// readSmallFile reads a regular file of at most container.MaxTextFile bytes. Pipes and devices are refused, since they
// may never end.
func readSmallFile(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	if !st.Mode().IsRegular() {
		return "", &container.InvalidError{Text: fmt.Sprintf("%q is not a regular file; give one", path)}
	}
	text, err := io.ReadAll(io.LimitReader(f, container.MaxTextFile+1))
	if err != nil {
		return "", err
	}
	if len(text) > container.MaxTextFile {
		return "", &container.InvalidError{Text: fmt.Sprintf("%q is larger than %d bytes; give a smaller file", path, container.MaxTextFile)}
	}
	return string(text), nil
}

// absolute reads a path, relative to the caller's directory.
func (c caller) absolute(s string) (string, error) {
	if s == "" {
		return "", errors.New("the path is empty; give the path of a file")
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(c.dir, s)
	}
	return filepath.Clean(s), nil
}
