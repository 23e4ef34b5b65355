package monitor

import (
	"encoding/binary"
	"errors"
	"strconv"
)

// FrameType is the first byte of a frame on the attach socket.
type FrameType byte

const (
	FrameHello    FrameType = 'H' // to the monitor: Streams, optionally followed by a Size
	FrameStdin    FrameType = 'I'
	FrameStdinEnd FrameType = 'E'
	FrameResize   FrameType = 'W' // a Size
	FrameCancel   FrameType = 'C' // no further restart; the monitor answers with the same frame
	FrameGo       FrameType = 'G' // go on after Created, when the command has left; answered with the same frame
	FrameExec     FrameType = 'P' // in place of a hello: Exec, with descriptors; answered with the same frame when taken
	FrameStdout   FrameType = 'O' // to the client, as are the following
	FrameStderr   FrameType = 'R'
	FrameStarted  FrameType = 'S' // the process of FrameExec runs: see ParseProcess; its terminal comes with it
	FrameFailed   FrameType = 'F' // it does not: a sentence
	FrameExit     FrameType = 'X' // the final exit code of the container, or of that process, four bytes, big endian
)

// Streams is the set of streams a client attaches to.
type Streams byte

const (
	Stdin  Streams = 1
	Stdout Streams = 2
	Stderr Streams = 4
)

// Size is that of a terminal, in characters.
type Size struct{ Rows, Columns uint16 }

const (
	// FrameHeader is the length of a frame's header: type and length of the payload, big endian.
	FrameHeader = 5
	// MaxPayload bounds the payload of every frame.
	MaxPayload = 64 << 10
)

// AppendFrame appends one whole frame to b.
func AppendFrame(b []byte, t FrameType, payload []byte) []byte {
	b = append(b, byte(t))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

// ParseHeader reads a frame's header.
func ParseHeader(header [FrameHeader]byte) (FrameType, int, error) {
	length := binary.BigEndian.Uint32(header[1:])
	if length > MaxPayload {
		return 0, 0, errors.New("attach: a frame of " + strconv.FormatUint(uint64(length), 10) + " bytes is too long")
	}
	return FrameType(header[0]), int(length), nil
}

// Append appends the four bytes of s.
func (s Size) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, s.Rows), s.Columns)
}

// ParseSize reads what Append wrote.
func ParseSize(payload []byte) (Size, bool) {
	if len(payload) != 4 {
		return Size{}, false
	}
	return Size{binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:])}, true
}
