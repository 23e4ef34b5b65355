package monitor

import (
	"errors"
	"strconv"
	"strings"
)

// Verb is the first word of a control message.
type Verb string

// Messages from the monitor carry what is named; those to it carry nothing.
const (
	Created  Verb = "created"  // PID: the runtime has made the container; the monitor waits for Go
	Running  Verb = "running"  // PID: the container's process runs; sent again for each try of the restart policy
	Failed   Verb = "error"    // Kind, Text: the start failed and was undone; the monitor ends
	Exited   Verb = "exit"     // Code: the container ended for good and that is recorded
	Released Verb = "released" // runtime state and mounts are gone

	Go  Verb = "start" // to the monitor: go on after Created
	Bye Verb = "bye"   // to the monitor: the command has cleaned up
)

// Kind says what part of a start failed.
type Kind string

const (
	KindRuntime       Kind = "runtime"
	KindNotFound      Kind = "not-found"      // the container's command does not exist: exit code 127
	KindNotExecutable Kind = "not-executable" // the container's command cannot be executed: exit code 126
	KindMount         Kind = "mount"
	KindNetwork       Kind = "network"
	KindInternal      Kind = "internal"
)

// Message is one packet on the control socket.
type Message struct {
	Verb Verb
	PID  int
	Code int
	Kind Kind
	Text string // one line
}

// MaxMessage bounds a packet, in bytes.
const MaxMessage = 4096

// Encode gives the packet of m, cut to what a reader accepts.
func (m Message) Encode() []byte {
	text := string(m.Verb)
	switch m.Verb {
	case Created, Running:
		text += " " + strconv.Itoa(m.PID)
	case Exited:
		text += " " + strconv.Itoa(m.Code)
	case Failed:
		text += " " + string(m.Kind) + " " + m.Text
	}
	return []byte(text[:min(len(text), MaxMessage)])
}

// DecodeMessage reads what Encode wrote.
func DecodeMessage(packet []byte) (Message, error) {
	verb, rest, _ := strings.Cut(string(packet), " ")
	m := Message{Verb: Verb(verb)}
	var err error
	switch m.Verb {
	case Created, Running:
		m.PID, err = strconv.Atoi(rest)
	case Exited:
		m.Code, err = strconv.Atoi(rest)
	case Failed:
		kind, text, _ := strings.Cut(rest, " ")
		m.Kind, m.Text = Kind(kind), text
	case Released, Go, Bye:
	default:
		err = errors.New("unknown verb")
	}
	if err != nil {
		return Message{}, errors.New("control message " + strconv.Quote(string(packet)) + " cannot be read")
	}
	return m, nil
}
