package log

import (
	"encoding/json"
	"io"
	"strconv"
	"time"
)

// journalEntry is what is needed of an entry in journalctl's JSON; the fields are those that conmon writes, so that logs
// of the same driver can be read by the same tools.
type journalEntry struct {
	Cursor   string       `json:"__CURSOR"`
	Realtime string       `json:"__REALTIME_TIMESTAMP"` // microseconds since 1970
	Message  journalField `json:"MESSAGE"`
	Priority journalField `json:"PRIORITY"`
	Partial  journalField `json:"CONTAINER_PARTIAL_MESSAGE"`
}

// record gives the record an entry holds.
func (e journalEntry) record() (Record, bool) {
	micros, err := strconv.ParseInt(e.Realtime, 10, 64)
	if err != nil || e.Message == nil {
		return Record{}, false
	}
	r := Record{Time: time.UnixMicro(micros), Stream: Stdout, Text: e.Message, Partial: string(e.Partial) == "true"}
	if string(e.Priority) == "3" { // LOG_ERR
		r.Stream = Stderr
	}
	return r, true
}

// journalField is the value of a field: a string, or a list of byte values when it is not printable UTF-8, or a list of
// either when the field is there several times, of which the first counts. It is nil when the field is not there.
type journalField []byte

func (f *journalField) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		*f = journalField(text)
		return nil
	}
	// A list of numbers does not decode into []byte, which is base64 in JSON.
	var numbers []uint16
	if json.Unmarshal(data, &numbers) == nil {
		*f = make(journalField, len(numbers))
		for i, n := range numbers {
			(*f)[i] = byte(n)
		}
		return nil
	}
	var several []journalField
	if json.Unmarshal(data, &several) == nil && len(several) > 0 {
		*f = several[0]
	}
	return nil
}

// limitedWriter keeps the first bytes of a program's complaints.
type limitedWriter struct {
	w    io.Writer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	keep := p[:min(len(p), l.left)]
	l.left -= len(keep)
	if _, err := l.w.Write(keep); err != nil {
		return 0, err
	}
	return len(p), nil
}
