// Package monitor is the protocol between a pod command and the monitor of a container (cmd/pod-monitor): what the
// command hands over (Launch), what the two tell each other (Message), what the monitor writes down (RunRecord,
// ExitRecord), the frames of the attach socket, and the lock that says whether the monitor lives. Both sides link it, and
// the monitor must stay small: it imports neither encoding/json nor net nor fmt. The command's side is package client.
//
// The run directory of a container is the monitor's working directory and the runtime's bundle. All file names below
// are relative to it.
package monitor

// Files in the run directory.
const (
	LaunchFile = "launch" // what to do: Launch, written by Start, read once
	RunFile    = "run"    // RunRecord, while the container has a process or waits for its next try
	AttachFile = "attach" // the attach socket
	// ReleasedFile is there when the monitor has given up all that the container held, and only the clean-up is left.
	ReleasedFile = "released"
	// NetworkLostFile is there when what connected the container's network has ended before it.
	NetworkLostFile = "network-lost"
	StopFile        = "stop"        // while it exists the restart policy rests; made by the command before it signals
	MonitorLog      = "monitor.log" // the monitor's stderr: one line per thing that went wrong, and a panic's trace
	RuntimeLog      = "runtime.log" // the OCI runtime's own messages of the newest start
	PIDFile         = "pid"         // written by the OCI runtime
	ConsoleFile     = "console.sock"
	// ExitFallback takes the exit record when Launch.ExitFile cannot be written (its disk is full).
	ExitFallback = "exit"
)

// Descriptors the monitor is started with; the others are named by number in Launch.
const (
	ControlFD = 3 // SOCK_SEQPACKET, one message per packet
	LockFD    = 4 // the lock file, locked: see Lock
	FirstFD   = 5 // of those that Launch names
)

// Failpoints lists the transitions of the monitor that package failpoint can break, in the order of a container's life. A
// further process has two at any time: monitor.exec (its request is taken) and monitor.executed (it runs; the command was not
// told).
func Failpoints() []string {
	return []string{
		"monitor.locked",        // has read launch, holds the lock
		"monitor.mounted",       // root attached
		"monitor.netns",         // network namespace made
		"monitor.network",       // network command done
		"monitor.listening",     // attach socket there
		"monitor.created",       // runtime create done (one-step: not passed)
		"monitor.started",       // the container's process runs, not written down yet
		"monitor.recorded",      // run record written
		"monitor.running",       // the command was told
		"monitor.exited",        // the container's process was reaped
		"monitor.exit-recorded", // exit record durable
		"monitor.told",          // clients and the command know the exit code
		"monitor.restarting",    // the restart policy wants another try; waiting for it
		"monitor.deleted",       // runtime state gone
		"monitor.released",      // mounts gone; the command was told
		"monitor.cleanup",       // about to start Launch.Cleanup
	}
}
