package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// csvFields splits a value with commas, in which quotes keep one together.
func csvFields(s string) ([]string, error) {
	fields, err := csv.NewReader(strings.NewReader(s)).Read()
	if errors.Is(err, io.EOF) {
		return []string{""}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%q cannot be read: %w", s, err)
	}
	return fields, nil
}

// typeOf is the type that fields of KEY=VALUE say, or empty.
func typeOf(fields []string) (kind string) {
	for _, field := range fields {
		if value, ok := strings.CutPrefix(field, "type="); ok {
			kind = value
		}
	}
	return kind
}

// switchedOn reads the value of a key that is on when it has none.
func switchedOn(value string) (bool, error) {
	if value == "" {
		return true, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		err = errors.New("it is true or false")
	}
	return on, err
}

// intoMap makes a flag NAME=value that may be given several times. without decides about a NAME alone.
func intoMap(dst map[string]string, without func(name string) (string, bool)) parsed {
	return parsed{kind: "NAME=value", set: func(s string) error {
		name, value, ok := strings.Cut(s, "=")
		if name == "" {
			return fmt.Errorf("%q is not NAME=value", s)
		}
		if !ok {
			if value, ok = without(name); !ok {
				return nil
			}
		}
		dst[name] = value
		return nil
	}}
}

// fromEnvironment takes the caller's variable; one that is not set gives nothing.
func fromEnvironment(name string) (string, bool) { return os.LookupEnv(name) }

// always gives the empty value.
func always(string) (string, bool) { return "", true }

// addPlatforms reads a list of platforms with commas.
func (o *buildOptions) addPlatforms(s string) error {
	for word := range strings.SplitSeq(s, ",") {
		p, err := plan.ParsePlatform(word, runtime.GOARCH)
		if err != nil {
			return err
		}
		if !slices.Contains(o.job.Platforms, p) {
			o.job.Platforms = append(o.job.Platforms, p)
		}
	}
	return nil
}

func parseManifestFormat(s string) (docker bool, err error) {
	switch s {
	case "oci":
		return false, nil
	case "docker":
		return true, nil
	}
	return false, fmt.Errorf("%q: it is oci or docker", s)
}

// parseBuildPull reads --pull, which docker has as a switch: true means always.
func parseBuildPull(s string) (image.Policy, error) {
	switch s {
	case "true":
		return image.PullAlways, nil
	case "false":
		return image.PullMissing, nil
	}
	return image.ParsePolicy(s)
}

func parseProgress(s string) (string, error) {
	switch s {
	case "auto", "tty", "plain", "rawjson", "none", "quiet":
		return s, nil
	}
	return "", fmt.Errorf("%q: it is auto, tty, plain, rawjson, none or quiet", s)
}

// secrets reads "id=ID[,src=FILE][,env=NAME][,type=file|env]". Without a source it is the variable ID if that is set, else the file ID.
func secrets(dst map[string]build.Secret) parsed {
	return parsed{kind: "secret", set: func(s string) error {
		var secret build.Secret
		kind := ""
		fields, err := csvFields(s)
		if err != nil {
			return err
		}
		for _, part := range fields {
			key, value, _ := strings.Cut(part, "=")
			switch key {
			case "id":
				secret.ID = value
			case "src", "source":
				secret.File = value
			case "env":
				secret.Env = value
			case "type":
				kind = value
			default:
				return fmt.Errorf("%q: a secret has id, src, env and type, not %q", s, key)
			}
		}
		if err := completeSecret(&secret, kind); err != nil {
			return fmt.Errorf("%q: %w", s, err)
		}
		dst[secret.ID] = secret
		return nil
	}}
}

func completeSecret(secret *build.Secret, kind string) error {
	if kind != "" && kind != "file" && kind != "env" {
		return fmt.Errorf("its type is file or env, not %q", kind)
	}
	if kind == "env" && secret.Env == "" {
		secret.Env, secret.File = secret.File, ""
	}
	if secret.ID == "" {
		secret.ID = secret.File
	}
	if secret.ID == "" {
		return fmt.Errorf("it needs an id")
	}
	if secret.File != "" && secret.Env != "" {
		return fmt.Errorf("it comes from a file or from a variable, not from both")
	}
	if secret.File == "" && secret.Env == "" {
		if _, set := os.LookupEnv(secret.ID); set || kind == "env" {
			secret.Env = secret.ID
		} else {
			secret.File = secret.ID
		}
	}
	if secret.File == "" {
		return nil
	}
	path, err := filepath.Abs(secret.File)
	if err == nil {
		_, err = os.Stat(path)
	}
	secret.File = path
	return err
}

// agents reads "ID[=SOCKET]"; without a socket it is the caller's own agent.
func agents(dst map[string]string) parsed {
	return parsed{kind: "agent", set: func(s string) error {
		id, socket, ok := strings.Cut(s, "=")
		if !ok {
			socket = os.Getenv("SSH_AUTH_SOCK")
			if socket == "" {
				return fmt.Errorf("%q: there is no SSH agent: SSH_AUTH_SOCK is not set", s)
			}
		}
		if id == "" || strings.Contains(socket, ",") {
			return fmt.Errorf("%q: it is ID, or ID=SOCKET with the socket of an agent", s)
		}
		info, err := os.Stat(socket)
		if err != nil {
			return err
		}
		if info.Mode()&os.ModeSocket == 0 {
			return fmt.Errorf("%q: %s is not the socket of an agent; add the key to an agent (ssh-add) and give that", s, socket)
		}
		dst[id] = socket
		return nil
	}}
}
