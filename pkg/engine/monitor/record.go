package monitor

import (
	"errors"
	"io"
	"os"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/process"
	"golang.org/x/sys/unix"
)

// Phase is what the container of a run record was doing when the record was written.
type Phase string

const (
	PhaseCreated    Phase = "created" // the runtime has made it; its process waits for start
	PhaseRunning    Phase = "running"
	PhaseRestarting Phase = "restarting" // it has no process; the next try comes
)

// RunRecord is the volatile fact about a container that has a monitor.
type RunRecord struct {
	Phase      Phase
	Serial     uint64 // Launch.Serial
	PID        int    // 0 while restarting
	Start      uint64 // start time of PID in clock ticks since boot
	Boot       string // boot id
	MonitorPID int
	Started    time.Time // wall clock, of this try
	Restarts   int       // tries made by the restart policy so far
}

// Process names the container's process.
func (r RunRecord) Process() process.Identity {
	return process.Identity{PID: r.PID, Start: r.Start, Boot: r.Boot}
}

func (r *RunRecord) fields() []field {
	return []field{
		{"phase", (*string)(&r.Phase)},
		{"serial", &r.Serial},
		{"pid", &r.PID},
		{"start", &r.Start},
		{"boot", &r.Boot},
		{"monitor", &r.MonitorPID},
		{"started", &r.Started},
		{"restarts", &r.Restarts},
	}
}

// Write replaces the record at path. It is volatile: it means nothing after a reboot.
func (r RunRecord) Write(path string) error {
	data, err := encode(r.fields(), '\n')
	if err != nil {
		return err
	}
	return atomicfile.WriteVolatile(path, data)
}

// ReadRunRecord reads a run record. A missing one is an error that is os.ErrNotExist.
func ReadRunRecord(path string) (RunRecord, error) {
	var r RunRecord
	return r, read(path, r.fields())
}

// ExitRecord says how a container ended. Only the monitor writes it, once per end, before anybody is told.
type ExitRecord struct {
	Serial            uint64 // Launch.Serial of the start that ended
	Code              int    // exit status, or 128 plus the signal; 125 to 127 when a try of the restart policy failed
	Started, Finished time.Time
	OOM               bool // the kernel killed a process of the container for memory
	Restarts          int
}

// Ends reports whether e is the end of the try that r describes. With the restart policy an exit record may be that of an
// earlier try.
func (e ExitRecord) Ends(r RunRecord) bool { return e.Serial == r.Serial && e.Restarts == r.Restarts }

func (e *ExitRecord) fields() []field {
	return []field{
		{"serial", &e.Serial},
		{"code", &e.Code},
		{"started", &e.Started},
		{"finished", &e.Finished},
		{"oom", &e.OOM},
		{"restarts", &e.Restarts},
	}
}

// Write replaces the record at path; a durable one survives a power loss.
func (e ExitRecord) Write(path string, durable bool) error {
	data, err := encode(e.fields(), '\n')
	if err != nil {
		return err
	}
	if durable {
		return atomicfile.Write(path, data)
	}
	return atomicfile.WriteVolatile(path, data)
}

// ReadExitRecord reads an exit record. A missing one is an error that is os.ErrNotExist.
func ReadExitRecord(path string) (ExitRecord, error) {
	var e ExitRecord
	return e, read(path, e.fields())
}

const maxRecord = 4096

// read decodes the record at path into fields, and survives whatever it finds there.
func read(path string, fields []field) error {
	data, err := readBounded(path, maxRecord)
	if err != nil {
		return err
	}
	if err := decode(data, fields, '\n', false); err != nil {
		return &os.PathError{Op: "read record", Path: path, Err: err}
	}
	return nil
}

// readBounded reads a regular file of at most limit bytes. It follows no symbolic link and never waits, as it would
// for the other end of a FIFO.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, &os.PathError{Op: "read", Path: path, Err: errors.New("larger than it can be")}
	}
	return data, nil
}

// ReadLaunch reads the launch file of the run directory at dir.
func ReadLaunch(dir string) (*Launch, error) {
	data, err := readBounded(dir+"/"+LaunchFile, 4<<20)
	if err != nil {
		return nil, err
	}
	return DecodeLaunch(data)
}
