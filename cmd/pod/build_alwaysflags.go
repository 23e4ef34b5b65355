package main

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/spf13/pflag"
)

// addPlatformFlags are podman's other ways to say a platform.
func (o *buildOptions) addPlatformFlags(f *pflag.FlagSet) {
	f.StringVar(&o.platform.OS, "os", "", "operating system of the image, instead of this machine's")
	f.StringVar(&o.platform.Arch, "arch", "", "architecture of the image, instead of this machine's")
	f.StringVar(&o.platform.Variant, "variant", "", "variant of the architecture of the image")
}

// completePlatforms takes --os, --arch and --variant as one platform. Where nothing is said it is usual, or this machine's.
func (o *buildOptions) completePlatforms(usual string) error {
	p := o.platform
	if p == (plan.Platform{}) {
		if len(o.job.Platforms) == 0 && usual != "" {
			if err := o.addPlatforms(usual); err != nil {
				return usageError{fmt.Errorf("%s: %w", defaultPlatform, err)}
			}
		}
		if len(o.job.Platforms) == 0 {
			o.job.Platforms = []plan.Platform{hostPlatform()}
		}
		return nil
	}
	if len(o.job.Platforms) > 0 {
		return usageError{errors.New("--platform says what --os, --arch and --variant say; give one of them")}
	}
	host := hostPlatform()
	if p.OS == "" {
		p.OS = host.OS
	}
	if p.Arch == "" {
		p.Arch = host.Arch
	}
	word := strings.TrimSuffix(p.OS+"/"+p.Arch+"/"+p.Variant, "/")
	parsed, err := plan.ParsePlatform(word, runtime.GOARCH)
	if err != nil {
		return usageError{err}
	}
	o.job.Platforms = []plan.Platform{parsed}
	return nil
}

// addAlwaysFlags are switches that scripts give and that have one possible position here; the other is refused with the reason.
func (o *buildOptions) addAlwaysFlags(f *pflag.FlagSet) {
	addSwitch(f, "rm", true, "keep nothing of a step but its layer", "a step leaves nothing but its layer")
	addSwitch(f, "force-rm", true, "keep nothing of a step that failed", "a step that failed leaves nothing")
	addSwitch(f, "skip-unused-stages", true, "leave out stages that the target does not need", "only what the target needs is built; --target builds another stage")
	addSwitch(f, "disable-compression", true, "leave layers in the store uncompressed", "layers in the store are never compressed; what is pushed is")
	addContentTrust(f)
	f.Var(parsed{kind: "bool", set: func(s string) error { _, err := strconv.ParseBool(s); return err }}, "compress", "compress what is sent to the builder: nothing is, the context is read where it is")
	f.Lookup("compress").NoOptDefVal = "true"
	f.Var(parsed{kind: "mode", fallback: "host", set: func(s string) error {
		if s == "" || s == "host" {
			return nil
		}
		return fmt.Errorf("%q: a step is in your user namespace, which is host", s)
	}}, "userns", "user namespace of RUN: host, which is yours")
}

// setEnv takes a variable of --env. One without a value is the caller's, and is not set when the caller has none.
func (o *buildOptions) setEnv(s string) error {
	name, _, given := strings.Cut(s, "=")
	if name == "" {
		return fmt.Errorf("%q is not NAME=value", s)
	}
	if !given {
		value, ok := fromEnvironment(name)
		if !ok {
			return nil
		}
		s = name + "=" + value
	}
	o.job.Request.Env = append(o.job.Request.Env, s)
	return nil
}

// addSwitch adds a switch that scripts give and that has one possible position here; the other is refused with the reason.
func addSwitch(f *pflag.FlagSet, name string, position bool, help, why string) {
	f.Var(parsed{kind: "bool", fallback: strconv.FormatBool(position), set: func(s string) error {
		on, err := strconv.ParseBool(s)
		if err == nil && on != position {
			err = errors.New(why)
		}
		return err
	}}, name, fmt.Sprintf("%s; only %t is taken", help, position))
	f.Lookup(name).NoOptDefVal = "true"
}

// addPodmanFlags are podman's flags about what the image says.
func (o *buildOptions) addPodmanFlags(f *pflag.FlagSet) {
	f.StringVar(&o.job.Request.From, "from", "", "image to take instead of that of the first FROM")
	f.BoolVar(&o.job.OmitHistory, "omit-history", false, "leave the history out of the image")
	f.Var(parsed{kind: "NAME=value", set: o.setEnv}, "env", "variable that RUN and the image have: NAME=value, or NAME to take it from the environment")
	f.Var(splitTo(&o.job.Request.UnsetEnv), "unsetenv", "take a variable away from the image")
	f.Var(splitTo(&o.job.Request.UnsetLabels), "unsetlabel", "do not take this label over from the base image")
	f.BoolVar(&o.inheritLabels, "inherit-labels", true, "take the labels of the base image over")
	f.BoolVar(&o.createdNote, "created-annotation", false, "set the annotation "+specs.AnnotationCreated)
	f.StringArrayVar(&o.job.Pull.DecryptionKeys, "decryption-key", nil, "decrypt layers of base images, `KEY[:PASSPHRASE]`")
}

// checkHistory finds flags that say both that the image tells of its steps and that it does not.
func (o *buildOptions) checkHistory() error {
	if o.job.OmitHistory && (o.job.InlineCache || slices.ContainsFunc(o.cacheTo, func(p cachePlace) bool { return p.kind == "inline" })) {
		return usageError{errors.New("--omit-history and an inline cache exclude each other: the cache says what the steps were")}
	}
	return nil
}
