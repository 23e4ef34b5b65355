// Package provenance says how an image was made, as SLSA provenance in the form that BuildKit writes (slsa.dev/spec/v1.1/provenance, v0.2;
// BuildKit, docs/attestations/slsa-definitions.md), so that whatever reads BuildKit's reads this too. It is pure: a Build is what is known of a
// build, a predicate its rendering.
//
// No value of a secret is ever in a Build. In the mode min neither are those of build arguments and labels, the names of secrets, the Dockerfile and
// the steps.
package provenance

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Mode is how much is said.
type Mode string

const (
	Min Mode = "min"
	Max Mode = "max"
)

// Version is that of the SLSA specification.
type Version string

const (
	V1  Version = "v1"
	V02 Version = "v0.2"
)

// Options are what --provenance and --attest type=provenance say.
type Options struct {
	Mode         Mode
	Version      Version
	BuilderID    string
	Reproducible bool
	// InlineOnly keeps the statement from the outputs that are files.
	InlineOnly bool
	// Complete makes materials that are not known by digest an error.
	Complete bool
	Filename string // in outputs that are files
}

// Default are the options of a build that says nothing of them, as BuildKit has them.
func Default() Options { return Options{Mode: Max, Version: V1, Filename: "provenance.json"} }

// Parse reads the attributes. What BuildKit measures and pod does not is an error.
func Parse(attributes map[string]string) (Options, error) {
	o := Default()
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		if err := o.set(key, attributes[key]); err != nil {
			return o, fmt.Errorf("%s=%s: %w", key, attributes[key], err)
		}
	}
	return o, nil
}

func (o *Options) set(key, value string) (err error) {
	switch key {
	case "mode":
		if value == "full" {
			value = string(Max)
		}
		o.Mode = Mode(value)
		if o.Mode != Min && o.Mode != Max {
			err = fmt.Errorf("it is min or max")
		}
	case "version":
		o.Version = Version(value)
		if o.Version != V1 && o.Version != V02 {
			err = fmt.Errorf("it is v1 or v0.2")
		}
	case "builder-id":
		o.BuilderID = value
	case "filename":
		o.Filename = value
		if value == "" || value == "." || value == ".." || strings.Contains(value, "/") {
			err = fmt.Errorf("it is the name of a file, without directories")
		}
	case "reproducible":
		o.Reproducible, err = parseSwitch(value)
	case "inline-only":
		o.InlineOnly, err = parseSwitch(value)
	case "complete-materials":
		o.Complete, err = parseSwitch(value)
	case "capture-usage":
		var on bool
		if on, err = parseSwitch(value); on {
			err = fmt.Errorf("what steps use is not measured")
		}
	default:
		err = fmt.Errorf("there is no such key; there are mode, version, builder-id, filename, reproducible, inline-only and complete-materials")
	}
	return err
}

func parseSwitch(value string) (bool, error) {
	on, err := strconv.ParseBool(value)
	if err != nil {
		err = fmt.Errorf("it is true or false")
	}
	return on, err
}
