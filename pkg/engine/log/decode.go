package log

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/pod-engine/pod/internal/rotated"
	"github.com/pod-engine/pod/pkg/container"
)

// format is one way to write a record as a line.
type format struct {
	// parse reads a line without its newline; the text of the record may be a part of the line.
	parse func(line []byte) (Record, bool)
	// divisible says that the line may be cut anywhere in its text: its beginning is a record, and so is the rest with
	// the time and stream of the beginning.
	divisible bool
}

func formatOf(driver container.LogDriver) format {
	if driver == container.LogJSONFile {
		return format{parse: parseJSON}
	}
	return format{parse: parseK8s, divisible: true}
}

// parseK8s reads "TIME STREAM TAG TEXT". Zeros before the time are what a file system leaves of a write that a
// power loss cut off.
func parseK8s(line []byte) (r Record, ok bool) {
	stamp, rest, ok1 := bytes.Cut(bytes.TrimLeft(line, "\x00"), []byte{' '})
	stream, rest, ok2 := bytes.Cut(rest, []byte{' '})
	tag, text, _ := bytes.Cut(rest, []byte{' '})
	if !ok1 || !ok2 || r.Time.UnmarshalText(stamp) != nil {
		return Record{}, false
	}
	if r.Stream, ok = parseStream(stream); !ok {
		return Record{}, false
	}
	// More tags may follow the first, behind a colon; none is defined so far.
	first, _, _ := bytes.Cut(tag, []byte{':'})
	switch string(first) {
	case "P":
		r.Partial = true
	case "F":
	default:
		return Record{}, false
	}
	r.Text = text
	return r, true
}

func parseStream(name []byte) (Stream, bool) {
	switch string(name) {
	case "stdout":
		return Stdout, true
	case "stderr":
		return Stderr, true
	}
	return 0, false
}

// parseJSON reads {"log":"text\n","stream":"stdout","time":"..."}.
func parseJSON(line []byte) (Record, bool) {
	var entry struct {
		Log    *string   `json:"log"`
		Stream string    `json:"stream"`
		Time   time.Time `json:"time"`
	}
	if json.Unmarshal(bytes.TrimLeft(line, "\x00"), &entry) != nil || entry.Log == nil {
		return Record{}, false
	}
	stream, ok := parseStream([]byte(entry.Stream))
	if !ok {
		return Record{}, false
	}
	r := Record{Time: entry.Time, Stream: stream, Text: []byte(*entry.Log)}
	if text, whole := bytes.CutSuffix(r.Text, []byte{'\n'}); whole {
		r.Text = text
	} else {
		r.Partial = true
	}
	return r, true
}

// decoder turns the lines of one file into records.
type decoder struct {
	format
	head   Record // of the over-long line that is being read
	inside bool   // such a line is being read and it is a record
}

// decode gives the record of one piece. Cut off says that the line has no newline and will get none.
func (d *decoder) decode(p rotated.Piece, cutOff bool) (Record, bool) {
	if !p.First {
		return d.goOn(p, cutOff)
	}
	d.inside = false
	if !p.Last && !d.divisible {
		return Record{}, false
	}
	r, ok := d.parse(p.Text)
	if !ok {
		return Record{}, false
	}
	if !p.Last {
		d.inside, d.head = true, r
	}
	r.Partial = r.Partial || !p.Last || cutOff && d.divisible
	return r, true
}

func (d *decoder) goOn(p rotated.Piece, cutOff bool) (Record, bool) {
	if !d.inside {
		return Record{}, false
	}
	r := d.head
	r.Text = p.Text
	r.Partial = r.Partial || !p.Last || cutOff
	return r, true
}
