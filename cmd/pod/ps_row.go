package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
)

// psRow is one container as ps shows it. Its methods are the fields of templates, under podman's and docker's names.
type psRow struct {
	c                engine.Container
	opts             *psOptions
	now              time.Time
	style            report.Style
	ports            []container.Port
	writable, layers int64 // bytes; with --size
}

func psList(o psOptions) report.List[psRow] {
	l := report.List[psRow]{
		ID:      psRow.ID,
		Headers: map[string]string{"ID": "CONTAINER ID", "CreatedHuman": "CREATED", "Pid": "PID", "Pod": "POD ID", "PodName": "PODNAME"},
		Raw: `container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{.State}}\n` +
			`status: {{.Status}}\nnames: {{.Names}}\nlabels: {{.Labels}}\nports: {{.Ports}}\n`,
	}
	if o.namespaces {
		l.Columns = []report.Column[psRow]{
			{Header: "CONTAINER ID", Cell: psRow.ID},
			{Header: "NAMES", Cell: psRow.Names},
			{Header: "PID", Cell: func(r psRow) string { return strconv.Itoa(r.Pid()) }},
			{Header: "CGROUPNS", Cell: psRow.CGROUPNS},
			{Header: "IPC", Cell: psRow.IPC},
			{Header: "MNT", Cell: psRow.MNT},
			{Header: "NET", Cell: psRow.NET},
			{Header: "PIDNS", Cell: psRow.PIDNS},
			{Header: "USERNS", Cell: psRow.USERNS},
			{Header: "UTS", Cell: psRow.UTS},
		}
		return l
	}
	l.Columns = []report.Column[psRow]{
		{Header: "CONTAINER ID", Cell: psRow.ID},
		{Header: "IMAGE", Cell: psRow.Image},
		{Header: "COMMAND", Cell: psRow.Command},
		{Header: "CREATED", Cell: psRow.RunningFor},
		{Header: "STATUS", Cell: psRow.Status},
		{Header: "PORTS", Cell: psRow.Ports},
		{Header: "NAMES", Cell: psRow.Names},
	}
	if o.pod {
		l.Columns = append(l.Columns, report.Column[psRow]{Header: "POD ID", Cell: psRow.Pod}, report.Column[psRow]{Header: "PODNAME", Cell: psRow.PodName})
	}
	if o.size {
		l.Columns = append(l.Columns, report.Column[psRow]{Header: "SIZE", Cell: psRow.Size})
	}
	return l
}

func (r psRow) shortID(id string) string {
	if r.opts.noTrunc || len(id) < 12 {
		return id
	}
	return id[:12]
}

// ID is the id, 12 digits of it without --no-trunc.
func (r psRow) ID() string { return r.shortID(r.c.Config.ID) }

// Names is the name.
func (r psRow) Names() string { return r.c.Config.Name }

// Image is the name of the image.
func (r psRow) Image() string { return r.c.Config.Image.Name }

// ImageID is the image's id.
func (r psRow) ImageID() string { return r.shortID(r.c.Config.Image.ID) }

// Command is the arguments, as podman shows them, or the whole argument vector in quotes, as docker does; at most 20
// characters without --no-trunc.
func (r psRow) Command() string {
	if r.style == report.Podman {
		return r.shorten(strings.Join(r.c.Config.Process.Args, " "), 20, "...")
	}
	argv := r.c.Config.Process.Argv()
	for i, arg := range argv {
		if strings.Contains(arg, " ") {
			argv[i] = "'" + arg + "'"
		}
	}
	return strconv.Quote(r.shorten(strings.Join(argv, " "), 20, "…"))
}

func (r psRow) shorten(s string, limit int, mark string) string {
	runes := []rune(s)
	if r.opts.noTrunc || len(runes) <= limit {
		return s
	}
	return string(runes[:limit-len([]rune(mark))]) + mark
}

// Created is when the container was made.
func (r psRow) Created() time.Time { return r.c.Config.Created }

// CreatedAt is the same in the form the invoked program prints.
func (r psRow) CreatedAt() string {
	if r.style == report.Docker {
		return r.c.Config.Created.Local().Format("2006-01-02 15:04:05 -0700 MST")
	}
	return r.c.Config.Created.String()
}

// RunningFor is how long ago the container was made, despite its name, which is docker's.
func (r psRow) RunningFor() string {
	if r.c.Config.Created.IsZero() { // a damaged record
		return ""
	}
	return report.Duration(r.c.Config.Created, r.now) + " ago"
}

// CreatedHuman is RunningFor under podman's other name.
func (r psRow) CreatedHuman() string { return r.RunningFor() }

// State is where the container is in its life, in one word.
func (r psRow) State() string {
	if r.style == report.Docker {
		return r.c.State.Status.Docker()
	}
	return string(r.c.State.Status)
}

// Status is State with the time since and the exit code, in the words of the invoked program.
func (r psRow) Status() string {
	s := r.c.State
	switch s.Status {
	case container.StatusRunning:
		return r.up("")
	case container.StatusPaused:
		if r.style == report.Docker {
			return r.up(" (Paused)")
		}
	case container.StatusStopping, container.StatusInitialized:
		if r.style == report.Docker && s.Status == container.StatusStopping {
			return r.up("")
		}
	case container.StatusRestarting, container.StatusExited:
		word := "Exited"
		if s.Status == container.StatusRestarting {
			word = "Restarting"
		}
		word = fmt.Sprintf("%s (%d)", word, s.ExitCode)
		if s.Finished.IsZero() {
			return word
		}
		return word + " " + report.Duration(s.Finished, r.now) + " ago"
	case container.StatusRemoving:
		if r.style == report.Docker {
			return "Removal In Progress"
		}
	}
	state := r.State()
	if state == "" {
		return ""
	}
	return strings.ToUpper(state[:1]) + state[1:]
}

func (r psRow) up(suffix string) string {
	text := "Up " + report.Duration(r.c.State.Started, r.now)
	if r.style == report.Podman {
		text += " ago"
	}
	return text + suffix
}

// ExitCode is that of the newest end.
func (r psRow) ExitCode() int { return r.c.State.ExitCode }

// Exited reports whether the container has ended.
func (r psRow) Exited() bool { return r.c.State.Status == container.StatusExited }

// ExitedAt is when, in seconds since 1970.
func (r psRow) ExitedAt() int64 { return r.c.State.Finished.Unix() }

// StartedAt is the newest start in seconds since 1970.
func (r psRow) StartedAt() int64 { return r.c.State.Started.Unix() }

// Restarts counts those by the restart policy.
func (r psRow) Restarts() int { return r.c.State.Restarts }

// Pid is the host pid of the container's first process, 0 without one.
func (r psRow) Pid() int { return r.c.State.PID }

// AutoRemove reports whether the container is removed when it ends.
func (r psRow) AutoRemove() bool { return r.c.Config.Remove }

// IsInfra is always false: only pods have such containers.
func (r psRow) IsInfra() bool { return false }

// Pod and PodName are empty: the container is in no pod.
func (r psRow) Pod() string { return "" }

// PodName is the name of the pod.
func (r psRow) PodName() string { return "" }

// Ports lists what is published. Docker shows it only while the container has a process, and then also the ports that
// are only exposed.
func (r psRow) Ports() string {
	if r.style == report.Podman {
		return portsText(r.ports)
	}
	if !r.c.State.Alive() {
		return ""
	}
	return portsText(r.ports, r.c.Config.Image.ExposedPorts, r.c.Config.Network.Expose)
}

// Size is the writable layer, and all layers.
func (r psRow) Size() string {
	return report.Size(r.writable) + " (virtual " + report.Size(r.layers) + ")"
}
