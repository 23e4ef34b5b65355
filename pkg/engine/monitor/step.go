package monitor

import "errors"

// StepFile in the working directory of a monitor called as "pod-step" holds what it is to do: Step.
const StepFile = "step"

// StepFD is the number of the first descriptor that a step is given, beside its standard streams: one for each of Step.Trees, and then
// the stderr of its process. Its own is monitor.log. It begins when its standard input ends.
const StepFD = 3

// Step is one process in files of its own, for a build: no output is kept, nobody attaches, and when its first process, which
// the kernel kills with the command that started it, is gone, so is all it has started.
type Step struct {
	ID string

	Runtime     string
	RuntimeArgs []string // its global flags
	Env         []string // environment of the runtime and the network command

	// Trees are the paths to attach detached mounts at: the first one StepFD, and so on.
	Trees []string

	// NetnsPath, NetnsFD and NetworkCommand are those of Launch.
	NetnsPath      string
	NetnsFD        int
	NetworkCommand []string
}

func (s *Step) fields() []field {
	return []field{
		{"id", &s.ID},
		{"runtime", &s.Runtime},
		{"runtime-arg", &s.RuntimeArgs},
		{"env", &s.Env},
		{"tree", &s.Trees},
		{"netns", &s.NetnsPath},
		{"netns-fd", &s.NetnsFD},
		{"network", &s.NetworkCommand},
	}
}

// Encode writes s as NUL-ended key=value entries.
func (s *Step) Encode() ([]byte, error) { return encode(s.fields(), 0) }

// ReadStep reads what Encode wrote into the directory dir.
func ReadStep(dir string) (*Step, error) {
	data, err := readBounded(dir+"/"+StepFile, 4<<20)
	if err != nil {
		return nil, err
	}
	s := &Step{}
	if err := decode(data, s.fields(), 0, true); err != nil {
		return nil, errors.New("read what the step is: " + err.Error())
	}
	return s, nil
}
