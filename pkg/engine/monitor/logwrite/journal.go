package logwrite

import (
	"encoding/binary"
	"errors"
	"strconv"

	"golang.org/x/sys/unix"
)

// journalSocket is where systemd-journald takes entries (systemd's "Native Journal Protocol").
const journalSocket = "/run/systemd/journal/socket"

// journal sends each record as one datagram. A journal that is slow slows the container; one that is not there loses
// records, and is tried again with each.
type journal struct {
	options Options
	socket  int
	address *unix.SockaddrUnix
	fields  []byte // the same in every entry
	entry   []byte
	dropped int
}

func newJournal(o Options) *journal {
	if o.Journal == "" {
		o.Journal = journalSocket
	}
	j := &journal{options: o, socket: -1, address: &unix.SockaddrUnix{Name: o.Journal}}
	tag := o.Tag
	if tag == "" {
		tag = o.ID[:min(12, len(o.ID))]
	}
	for _, f := range [][2]string{
		{"CONTAINER_ID", o.ID[:min(12, len(o.ID))]},
		{"CONTAINER_ID_FULL", o.ID},
		{"CONTAINER_NAME", o.Name},
		{"CONTAINER_TAG", tag},
		{"SYSLOG_IDENTIFIER", tag},
	} {
		j.fields = appendField(j.fields, f[0], []byte(f[1]))
	}
	return j
}

// appendField appends one field in the form that may hold any byte: name, newline, length, value, newline.
func appendField(b []byte, name string, value []byte) []byte {
	b = append(b, name...)
	b = append(b, '\n')
	b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	b = append(b, value...)
	return append(b, '\n')
}

func (j *journal) record(s Stream, text []byte, partial bool) {
	priority := "6" // info
	if s == Stderr {
		priority = "3" // error
	}
	b := append(j.entry[:0], j.fields...)
	b = appendField(b, "PRIORITY", []byte(priority))
	if partial {
		b = appendField(b, "CONTAINER_PARTIAL_MESSAGE", []byte("true"))
	}
	j.entry = appendField(b, "MESSAGE", text)
	if err := j.send(); err != nil {
		if j.dropped == 0 {
			j.options.Report("log records are dropped: send to the journal: " + err.Error())
		}
		j.dropped++
	}
}

func (j *journal) send() error {
	if j.socket < 0 {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		j.socket = fd
	}
	for {
		err := unix.Sendto(j.socket, j.entry, unix.MSG_NOSIGNAL, j.address)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EMSGSIZE), errors.Is(err, unix.ENOBUFS):
			return j.sendFile()
		}
		return err
	}
}

// sendFile passes the entry as a sealed memory file, as the protocol asks for entries too large for a datagram.
func (j *journal) sendFile() error {
	fd, err := unix.MemfdCreate("journal-entry", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if n, err := unix.Write(fd, j.entry); err != nil || n < len(j.entry) {
		return errors.Join(errors.New("write a memory file"), err)
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE | unix.F_SEAL_SEAL
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return err
	}
	return unix.Sendmsg(j.socket, nil, unix.UnixRights(fd), j.address, unix.MSG_NOSIGNAL)
}

func (j *journal) flush() {}

func (j *journal) close() {
	if j.socket >= 0 {
		unix.Close(j.socket)
	}
	if j.dropped > 0 {
		j.options.Report("the journal lacks " + strconv.Itoa(j.dropped) + " records")
	}
}
