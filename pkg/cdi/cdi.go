// Package cdi finds devices by name in the specifications that their makers have left on this machine, and says what they change of a container
// (Container Device Interface, https://github.com/cncf-tags/container-device-interface, SPEC.md).
package cdi

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"tags.cncf.io/container-device-interface/pkg/cdi"
	"tags.cncf.io/container-device-interface/pkg/parser"
)

// DefaultDirs are where specifications are unless other directories are named; the last one wins.
func DefaultDirs() []string { return []string{"/etc/cdi", "/var/run/cdi"} }

// Registry are the specifications of some directories, as they were when it was opened.
type Registry struct {
	dirs  []string
	cache *cdi.Cache
}

// Open reads the specifications in dirs; none are DefaultDirs. A file that cannot be read or understood is passed over until a device is missed.
func Open(dirs []string) (*Registry, error) {
	if len(dirs) == 0 {
		dirs = DefaultDirs()
	}
	cache, err := cdi.NewCache(cdi.WithSpecDirs(dirs...), cdi.WithAutoRefresh(false))
	if err != nil {
		return nil, fmt.Errorf("read the CDI specifications in %s: %w", strings.Join(dirs, ", "), err)
	}
	return &Registry{dirs, cache}, nil
}

// Annotations of a specification or a device, which BuildKit made up.
const (
	classAnnotation = "org.mobyproject.buildkit.device.class"
	allowAnnotation = "org.mobyproject.buildkit.device.autoallow"
)

// Find gives the qualified names of the devices that a word of RUN --device means, as BuildKit has it: VENDOR/CLASS=NAME is that device,
// VENDOR/CLASS=* all of the kind, VENDOR/CLASS the first of them; what finds none may be the class that devices have in
// an annotation. None is no error.
func (r *Registry) Find(word string) []string {
	kind, name, _ := strings.Cut(word, "=")
	all := r.cache.ListDevices() // sorted
	var found []string
	if vendor, _ := parser.ParseQualifier(kind); vendor != "" {
		for _, device := range all {
			ofKind := strings.HasPrefix(device, kind+"=")
			if ofKind && (name == "*" || device == word || name == "" && len(found) == 0) {
				found = append(found, device)
			}
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, device := range all {
		if class, ok := r.annotations(device)[classAnnotation]; ok && class == word {
			found = append(found, device)
		}
	}
	return found
}

// OpenToAll reports whether the device's own specification lets every build have it.
func (r *Registry) OpenToAll(device string) bool {
	allowed, _ := strconv.ParseBool(r.annotations(device)[allowAnnotation])
	return allowed
}

// annotations are those of a device, before which come those of its specification.
func (r *Registry) annotations(device string) map[string]string {
	d := r.cache.GetDevice(device)
	if d == nil {
		return nil
	}
	out := maps.Clone(d.GetSpec().Annotations)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, d.Annotations)
	return out
}

// Missing is the error for a device that no specification has.
func (r *Registry) Missing(device string) error {
	err := fmt.Errorf("no CDI specification in %s has the device %q", strings.Join(r.dirs, ", "), device)
	problems := r.cache.GetErrors()
	for _, path := range slices.Sorted(maps.Keys(problems)) {
		return hint.Wrap(err, fmt.Sprintf("%s cannot be used: %s", path, problems[path][0]))
	}
	if list := r.cache.ListDevices(); len(list) > 0 {
		return hint.Wrap(err, "there are "+strings.Join(list[:min(len(list), 8)], ", "))
	}
	return hint.Wrap(err, "the maker of a device has a program that writes its specification, such as nvidia-ctk cdi generate")
}
