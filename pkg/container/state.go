package container

import "time"

// Status is where a container is in its life, in podman's words.
type Status string

const (
	StatusCreated     Status = "created"     // never started, or made ready by init
	StatusInitialized Status = "initialized" // the runtime has made it; its process waits for start
	StatusRunning     Status = "running"
	StatusPaused      Status = "paused"
	StatusRestarting  Status = "restarting" // ended, waiting for its next try
	StatusStopping    Status = "stopping"   // stop was asked for; the process has not ended yet
	StatusExited      Status = "exited"
	StatusRemoving    Status = "removing"
	StatusDamaged     Status = "damaged" // its record cannot be read; it can only be removed
)

// State is what has become of a container: derived from facts (the monitor's lock, the run record, the exit
// record, the boot id) each time it is asked for. It is a value; it does not change after it was made.
type State struct {
	Status     Status    `json:"status"`
	PID        int       `json:"pid,omitempty"`        // host pid of the first process while it lives
	MonitorPID int       `json:"monitorPid,omitempty"` // while it lives
	Started    time.Time `json:"started,omitzero"`     // of the newest start
	Finished   time.Time `json:"finished,omitzero"`
	ExitCode   int       `json:"exitCode"` // -1 when ended without anybody recording how
	OOMKilled  bool      `json:"oomKilled,omitempty"`
	Restarts   int       `json:"restarts,omitempty"` // made by the restart policy since the last start by hand
	// Stopped says that the newest end was asked for by a person (stop, kill), which unless-stopped honours.
	Stopped bool `json:"stopped,omitempty"`
	// Problem is one sentence when facts are missing: "its monitor ended without recording the exit".
	Problem string `json:"problem,omitempty"`
}

// Alive reports whether the container has a process.
func (s State) Alive() bool {
	switch s.Status {
	case StatusInitialized, StatusRunning, StatusPaused, StatusStopping:
		return true
	}
	return false
}
