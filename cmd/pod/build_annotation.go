package main

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"strings"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// annotationKind is what an annotation is of, and for which platform, as in manifest[linux/arm64].
const annotationKind = `(manifest|index|manifest-descriptor|index-descriptor)(?:\[([^]]*)\])?`

// setAnnotation reads --annotation: "[KIND[,KIND...]:]KEY=VALUE"; without a kind it is one of the manifest.
func (o *buildOptions) setAnnotation(s string) error {
	kinds := [][]string{{"", "manifest", ""}}
	rest := s
	if found := regexp.MustCompile(`^` + annotationKind + `(?:,` + annotationKind + `)*:`).FindString(s); found != "" {
		kinds, rest = regexp.MustCompile(annotationKind+`[,:]`).FindAllStringSubmatch(found, -1), s[len(found):]
	}
	key, value, ok := strings.Cut(rest, "=")
	if !ok || key == "" {
		return fmt.Errorf("%q is not KEY=VALUE, which manifest:, index: or manifest-descriptor: may be in front of", s)
	}
	for _, kind := range kinds {
		if err := o.annotate(kind[1], kind[2], key, value); err != nil {
			return fmt.Errorf("%q: %w", s, err)
		}
	}
	return nil
}

func (o *buildOptions) annotate(kind, platform, key, value string) (err error) {
	var p plan.Platform
	if platform != "" {
		if p, err = plan.ParsePlatform(platform, runtime.GOARCH); err != nil {
			return err
		}
	}
	switch kind {
	case "manifest":
		o.job.Annotations.Set(p, key, value)
	case "manifest-descriptor":
		o.job.EntryAnnotations.Set(p, key, value)
	case "index":
		if platform != "" {
			return errors.New("a manifest list is for no single platform")
		}
		o.job.ListAnnotations[key] = value
	default:
		return errors.New("the entry of a list in an OCI layout cannot have annotations; index: gives them to the list")
	}
	return nil
}
