package monitor

import (
	"encoding/binary"
	"errors"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/process"
)

// Exec asks a monitor to start a further process of its container (FrameExec). The descriptors that come with it become
// the runtime's, from 0; with Terminal the first three are not the process's.
type Exec struct {
	// Dir is the session's directory, relative to the run directory. The runtime works there, writes PIDFile there and
	// connects to ConsoleFile there. The monitor writes ProcessFile.
	Dir      string
	Argv     []string // the runtime's, whole
	Terminal bool
	// EventPrefix is that of Launch, of the event that the monitor writes when the client is not there to do it.
	EventPrefix string
}

// ProcessFile in a session's directory names its process.
const ProcessFile = "process"

func (x *Exec) fields() []field {
	return []field{{"dir", &x.Dir}, {"argv", &x.Argv}, {"terminal", &x.Terminal}, {"event-prefix", &x.EventPrefix}}
}

// Encode writes x as the payload of a frame.
func (x *Exec) Encode() ([]byte, error) {
	payload, err := encode(x.fields(), 0)
	if err == nil && len(payload) > MaxPayload {
		err = errors.New("the request is too long")
	}
	return payload, err
}

// DecodeExec reads what Encode wrote.
func DecodeExec(payload []byte) (*Exec, error) {
	x := new(Exec)
	err := decode(payload, x.fields(), 0, true)
	if err == nil && len(x.Argv) == 0 {
		err = errors.New("there is no command")
	}
	return x, err
}

func processFields(id *process.Identity) []field {
	return []field{{"pid", &id.PID}, {"start", &id.Start}, {"boot", &id.Boot}}
}

// WriteProcess writes down who a process is, for ReadProcess.
func WriteProcess(path string, id process.Identity) error {
	data, err := encode(processFields(&id), '\n')
	if err != nil {
		return err
	}
	return atomicfile.WriteVolatile(path, data)
}

// ReadProcess reads what WriteProcess wrote.
func ReadProcess(path string) (id process.Identity, err error) {
	return id, read(path, processFields(&id))
}

// AppendProcess appends the payload of FrameStarted: pid and start time, big endian.
func AppendProcess(b []byte, id process.Identity) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, uint32(id.PID)), id.Start)
}

// ParseProcess reads what AppendProcess wrote. The boot is this one.
func ParseProcess(payload []byte) (id process.Identity, err error) {
	if len(payload) != 12 {
		return id, errors.New("the monitor's answer is not complete")
	}
	id.PID, id.Start = int(binary.BigEndian.Uint32(payload)), binary.BigEndian.Uint64(payload[4:])
	id.Boot, err = process.BootID()
	return id, err
}
