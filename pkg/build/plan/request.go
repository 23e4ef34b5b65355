package plan

import (
	"fmt"
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
	// UnsetEnv are variables that the target's configuration loses.
	UnsetEnv []string `json:"unsetEnv,omitempty"`
	// NoCacheFilter names stages that are built anew.
	NoCacheFilter []string `json:"noCacheFilter,omitempty"`
	// Describe asks for a Description instead of a Plan.
	Describe bool `json:"describe,omitempty"`
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

// ParsePlatform reads OS/ARCH[/VARIANT] or OS alone, for which arch stands in.
func ParsePlatform(s, arch string) (Platform, error) {
	parts := strings.Split(strings.ToLower(s), "/")
	if len(parts) > 3 || parts[0] == "" || len(parts) > 1 && parts[1] == "" {
		return Platform{}, fmt.Errorf("platform %q: it is OS/ARCH or OS/ARCH/VARIANT, as linux/arm64", s)
	}
	p := Platform{OS: parts[0], Arch: arch}
	if len(parts) > 1 {
		p.Arch = normalArch(parts[1])
	}
	if len(parts) > 2 {
		p.Variant = parts[2]
	}
	if p.Arch == "arm64" && p.Variant == "v8" {
		p.Variant = ""
	}
	return p, nil
}

func normalArch(arch string) string {
	switch arch {
	case "x86_64", "x86-64":
		return "amd64"
	case "aarch64":
		return "arm64"
	case "i386", "i686":
		return "386"
	case "armhf", "armel":
		return "arm"
	}
	return arch
}
