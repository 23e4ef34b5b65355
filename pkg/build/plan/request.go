package plan

import (
	"fmt"
	"slices"
	"strings"
)

// Request is everything that the meaning of a Dockerfile depends on.
type Request struct {
	Name   string            `json:"name"` // of the file, for messages
	Text   []byte            `json:"text"`
	Target string            `json:"target,omitempty"` // name or number of a stage; empty: the last
	Args   map[string]string `json:"args,omitempty"`   // --build-arg
	// Platform is what is built for, BuildPlatform what RUN runs on.
	Platform      Platform `json:"platform"`
	BuildPlatform Platform `json:"buildPlatform"`
	// Contexts are the named ones; a value "image:NAME" stands for that image.
	Contexts map[string]string `json:"contexts,omitempty"`
	Ignore   []string          `json:"ignore,omitempty"` // patterns of the ignore file, for the lint rule about it
	// Labels are set on the target.
	Labels map[string]string `json:"labels,omitempty"`
	// From replaces the image of the first FROM.
	From string `json:"from,omitempty"`
	// Env are variables, NAME=value, that every stage begins with.
	Env []string `json:"env,omitempty"`
	// NoBaseLabels has no stage begin with the labels of its base; UnsetLabels are those that are not taken over.
	NoBaseLabels bool     `json:"noBaseLabels,omitempty"`
	UnsetLabels  []string `json:"unsetLabels,omitempty"`
	// UnsetEnv are variables that the target's configuration loses.
	UnsetEnv []string `json:"unsetEnv,omitempty"`
	// NoCacheFilter names stages that are built anew.
	NoCacheFilter []string `json:"noCacheFilter,omitempty"`
	// Describe asks for a Description instead of a Plan: DescribeTargets or DescribeOutline.
	Describe string `json:"describe,omitempty"`
	// Check asks for the mistakes in all stages, those too that the target does not need.
	Check bool `json:"check,omitempty"`
	// Images are what earlier answers needed, by key.
	Images map[string]Image `json:"images,omitempty"`
}

// Need is an image whose configuration decides what the Dockerfile means.
type Need struct {
	Name     string   `json:"name"`
	Platform Platform `json:"platform"`
	Line     int      `json:"line"`            // where it is asked for
	Stage    string   `json:"stage,omitempty"` // that has nearly this name
}

// Key names the need in Request.Images and Source.Image.
func (n Need) Key() string { return n.Name + "@" + n.Platform.String() }

// NeedOf is the need with a key, but for its line.
func NeedOf(key string) Need {
	name, platform := key, ""
	if i := strings.LastIndexByte(key, '@'); i >= 0 {
		name, platform = key[:i], key[i+1:]
	}
	p, _ := ParsePlatform(platform, "")
	return Need{Name: name, Platform: p}
}

// Image is an image as found.
type Image struct {
	ID     string `json:"id"`
	Config Config `json:"config"`
}

// Answer is what the reader makes of a Request: a plan, or what it must know first, or what is wrong.
type Answer struct {
	Needs []Need `json:"needs,omitempty"`
	Plan  *Plan  `json:"plan,omitempty"`
	// Description is there when the request asked for it.
	Description *Description `json:"description,omitempty"`
	Warnings    []Warning    `json:"warnings,omitempty"`
	Problem     *Problem     `json:"problem,omitempty"`
}

// Warning is a finding of a lint rule.
type Warning struct {
	Rule        string `json:"rule"`
	Description string `json:"description"`
	URL         string `json:"url,omitempty"`
	Detail      string `json:"detail"`
	Line        int    `json:"line"` // zero: the file as a whole
	EndLine     int    `json:"endLine"`
}

// Problem is a mistake in the Dockerfile.
type Problem struct {
	Text string `json:"text"`
	Line int    `json:"line"` // zero: the file as a whole
	Hint string `json:"hint,omitempty"`
	// Lint says that the file is right but for the warnings, which it wants to be errors.
	Lint bool `json:"lint,omitempty"`
}

// Platform is what an image runs on.
type Platform struct {
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	Variant string `json:"variant,omitempty"`
}

func (p Platform) String() string {
	s := p.OS + "/" + p.Arch
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// ParsePlatform reads OS/ARCH[/VARIANT], an operating system alone, for which arch stands in, or an architecture alone, which is of Linux.
func ParsePlatform(s, arch string) (Platform, error) {
	parts := strings.Split(strings.ToLower(s), "/")
	if len(parts) > 3 || parts[0] == "" || len(parts) > 1 && parts[1] == "" {
		return Platform{}, fmt.Errorf("platform %q: it is OS/ARCH or OS/ARCH/VARIANT, as linux/arm64", s)
	}
	if len(parts) == 1 {
		switch {
		case slices.Contains(systems, parts[0]):
			parts = append(parts, arch)
		case slices.Contains(machines, normalArch(parts[0], "").Arch):
			parts = []string{"linux", parts[0]}
		default:
			return Platform{}, fmt.Errorf("platform %q: it is no operating system and no architecture; give OS/ARCH, as linux/arm64", s)
		}
	}
	variant := ""
	if len(parts) > 2 {
		variant = parts[2]
	}
	p := normalArch(parts[1], variant)
	p.OS = parts[0]
	return p, nil
}

// systems and machines are the words that stand alone for a platform: those that Go can build for.
var (
	systems  = []string{"aix", "android", "darwin", "dragonfly", "freebsd", "illumos", "ios", "js", "linux", "netbsd", "openbsd", "plan9", "solaris", "wasip1", "windows", "zos"}
	machines = []string{"386", "amd64", "arm", "arm64", "loong64", "mips", "mips64", "mips64le", "mipsle", "ppc64", "ppc64le", "riscv64", "s390x", "wasm"}
)

// normalArch gives an architecture its one name, and the variant that goes without saying, as containerd does.
func normalArch(arch, variant string) Platform {
	switch arch {
	case "x86_64", "x86-64", "amd64":
		return Platform{Arch: "amd64", Variant: strings.TrimPrefix(variant, "v1")}
	case "aarch64", "arm64":
		return Platform{Arch: "arm64", Variant: strings.TrimPrefix(strings.TrimPrefix(variant, "v8"), "8")}
	case "i386", "i686":
		return Platform{Arch: "386", Variant: variant}
	case "armhf":
		return Platform{Arch: "arm", Variant: "v7"}
	case "armel":
		return Platform{Arch: "arm", Variant: "v6"}
	case "arm":
		if variant == "" {
			variant = "7"
		}
		return Platform{Arch: "arm", Variant: "v" + strings.TrimPrefix(variant, "v")}
	}
	return Platform{Arch: arch, Variant: variant}
}
