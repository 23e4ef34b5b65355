// Package event keeps the journal of what happened to containers, images, volumes and networks: a file with one JSON
// object per line, which every command appends to and anybody may follow.
//
// A record is appended with one write(2) under an exclusive flock(2) of the file, and the file is moved to PATH.1 when it
// is full. Appending does not wait for the disk: after a power loss the newest events may be missing, never torn
// ones shown. The lock is the last in the order of locks and is held for one write only.
package event

import "time"

// Type is the kind of object an event is about: one of the constants below.
type Type = string

const (
	Container Type = "container"
	Image     Type = "image"
	Network   Type = "network"
	Pod       Type = "pod"
	System    Type = "system"
	Volume    Type = "volume"
)

// Status is what happened, in podman's words (podman-events(1)): one of the constants below.
type Status = string

const (
	Attach          Status = "attach"
	Build           Status = "build"
	Cleanup         Status = "cleanup"
	Commit          Status = "commit"
	Connect         Status = "connect" // of a container to a network
	Create          Status = "create"
	Died            Status = "died"
	Disconnect      Status = "disconnect"
	Exec            Status = "exec"
	ExecDied        Status = "exec_died"
	Export          Status = "export"
	HealthStatus    Status = "health_status"
	Import          Status = "import"
	Init            Status = "init"
	Kill            Status = "kill"
	LoadFromArchive Status = "loadfromarchive"
	Mount           Status = "mount"
	Pause           Status = "pause"
	Prune           Status = "prune"
	Pull            Status = "pull"
	PullError       Status = "pull-error"
	Push            Status = "push"
	Refresh         Status = "refresh"
	Remove          Status = "remove"
	Rename          Status = "rename"
	Restart         Status = "restart"
	Save            Status = "save"
	Start           Status = "start"
	Stop            Status = "stop"
	Sync            Status = "sync"
	Tag             Status = "tag"
	Unmount         Status = "unmount"
	Unpause         Status = "unpause"
	Untag           Status = "untag"
	Update          Status = "update"
)

// Event is one thing that happened. Which of the fields are set depends on Type.
type Event struct {
	Time   time.Time `json:"time"` // to the nanosecond; Append fills it in
	Type   Type      `json:"type"`
	Status Status    `json:"status"`

	ID    string `json:"id,omitempty"`
	Name  string `json:"name,omitempty"`
	Image string `json:"image,omitempty"` // of a container, by name
	PodID string `json:"podId,omitempty"` // of a container in a pod
	// Network is the name of the network, in events of networks.
	Network string `json:"network,omitempty"`
	// Attributes are the labels of a container, the driver of a network, and the like.
	Attributes map[string]string `json:"attributes,omitempty"`
	// ContainerExitCode is there for died and exec_died.
	ContainerExitCode *int   `json:"containerExitCode,omitempty"`
	HealthStatus      string `json:"healthStatus,omitempty"` // healthy, unhealthy or starting
	Error             string `json:"error,omitempty"`        // why a pull failed
}
