package logwrite

import (
	"time"
	"unicode/utf8"
)

// jsonFile writes docker's json-file format: {"log":"TEXT\n","stream":"stdout","time":"…"}. A partial record has no \n in
// its text. Bytes that are not UTF-8 become U+FFFD: JSON cannot carry them.
type jsonFile struct {
	*file
	tag  string
	time []byte
}

func (j *jsonFile) at(now time.Time) {
	j.time = now.UTC().AppendFormat(j.time[:0], time.RFC3339Nano)
}

func (j *jsonFile) record(s Stream, text []byte, partial bool) {
	b := append(j.begin(), `{"log":"`...)
	b = appendEscaped(b, text)
	if !partial {
		b = append(b, `\n`...)
	}
	b = append(b, `","stream":"`...)
	b = append(b, s.String()...)
	if j.tag != "" {
		b = append(b, `","attrs":{"tag":"`...)
		b = appendEscaped(b, []byte(j.tag))
		b = append(b, `"},"time":"`...)
	} else {
		b = append(b, `","time":"`...)
	}
	b = append(b, j.time...)
	j.end(append(b, "\"}\n"...))
}

// appendEscaped appends text as the inside of a JSON string, escaped as docker and encoding/json do it.
func appendEscaped(b, text []byte) []byte {
	const hex = "0123456789abcdef"
	for len(text) > 0 {
		c := text[0]
		if c < utf8.RuneSelf {
			switch {
			case c == '"' || c == '\\':
				b = append(b, '\\', c)
			case c == '\n':
				b = append(b, `\n`...)
			case c == '\r':
				b = append(b, `\r`...)
			case c == '\t':
				b = append(b, `\t`...)
			case c < ' ' || c == '<' || c == '>' || c == '&':
				b = append(b, `\u00`...)
				b = append(b, hex[c>>4], hex[c&15])
			default:
				b = append(b, c)
			}
			text = text[1:]
			continue
		}
		r, n := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && n == 1:
			b = append(b, `\ufffd`...)
		case r == '\u2028' || r == '\u2029':
			b = append(b, `\u202`...)
			b = append(b, hex[r&15])
		default:
			b = append(b, text[:n]...)
		}
		text = text[n:]
	}
	return b
}
