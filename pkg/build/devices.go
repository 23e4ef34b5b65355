package build

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// Devices are the devices by name of this machine (CDI); *cdi.Registry is one.
type Devices interface {
	// Find gives the full names of the devices that a word means.
	Find(word string) []string
	// OpenToAll reports whether every build may have the device.
	OpenToAll(device string) bool
	// Missing is the error for a word that means none.
	Missing(word string) error
}

// DeviceLeave says which devices RUN --device may have, beside those that are open to all.
type DeviceLeave struct {
	All   bool
	Words []string // as Devices.Find takes them
	// Aliases are names that the Dockerfile may use for words, which have leave with that.
	Aliases map[string]string
}

// Allow reads the value of --allow device=VALUE, or an empty one that allows all: a word, and "alias=NAME" after a comma.
func (l *DeviceLeave) Allow(fields []string) error {
	if len(fields) == 0 {
		l.All = true
		return nil
	}
	if len(fields) == 1 {
		l.Words = append(l.Words, fields[0])
		return nil
	}
	const prefix = "alias="
	if len(fields) > 2 || len(fields[1]) <= len(prefix) || fields[1][:len(prefix)] != prefix {
		return fmt.Errorf("%q: after the device comes alias=NAME or nothing", fields[1])
	}
	if l.Aliases == nil {
		l.Aliases = map[string]string{}
	}
	l.Aliases[fields[1][len(prefix):]] = fields[0]
	return nil
}

// devices gives the full names of the devices that a RUN has.
func (s *solve) devices(run plan.Run) ([]string, error) {
	if len(run.Devices) == 0 {
		return nil, nil
	}
	registry, err := s.Devices()
	if err != nil {
		return nil, err
	}
	leave := s.job.AllowDevices
	var allowed []string
	for _, word := range leave.Words {
		allowed = append(allowed, registry.Find(word)...)
	}
	var out []string
	for _, d := range run.Devices {
		word, aliased := leave.Aliases[d.Name]
		if !aliased {
			word = d.Name
		}
		found := registry.Find(word)
		if len(found) == 0 && d.Required {
			return nil, registry.Missing(word)
		}
		if len(found) == 0 {
			s.Warn(fmt.Sprintf("RUN --device=%s goes on without the device, which this machine does not have", d.Name))
		}
		for _, name := range found {
			if !leave.All && !aliased && !slices.Contains(allowed, name) && !registry.OpenToAll(name) {
				return nil, hint.Wrap(errors.New("the device "+name+" is not allowed in this build"), "--allow device="+name)
			}
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out, nil
}
