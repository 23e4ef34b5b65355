// Package hostile attacks pod with layers, archives and registries that lie. The tests are its only user; docs/hostile.md says
// what they cover. Everything is deterministic: a case that fails once fails always.
package hostile

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// entry is one entry of a tar archive, written as it is, right or wrong; archive/tar would refuse to write most of what is wrong.
type entry struct {
	name, link string
	kind       byte // '0' where it is zero
	body       string
	mode       int64  // 0755 where it is zero
	uid, gid   string // octal text; empty: 0
	size       string // octal text of the size field; empty: that of body
	mtime      string // octal text
	major      int64  // of devices
	minor      int64
	pax        map[string]string // records before the entry
	paxRaw     string            // text of the records instead of pax
	magic      string            // "ustar\x0000" where it is empty
	badSum     bool              // the header's checksum is wrong
}

const block = 512

func (e entry) bytes() []byte {
	var out bytes.Buffer
	if text := e.records(); text != "" {
		out.Write(entry{name: "PaxHeaders/x", kind: 'x', body: text, mode: 0o644}.bytes())
	}
	h := make([]byte, block)
	copy(h[:100], e.name)
	mode := e.mode
	if mode == 0 {
		mode = 0o755
	}
	field := func(at, length int, text, def string) {
		if text == "" {
			text = def
		}
		copy(h[at:at+length], text)
	}
	field(100, 8, "", fmt.Sprintf("%07o", mode))
	field(108, 8, e.uid, "0000000")
	field(116, 8, e.gid, "0000000")
	field(124, 12, e.size, fmt.Sprintf("%011o", len(e.body)))
	field(136, 12, e.mtime, "14500000000")
	kind := e.kind
	if kind == 0 {
		kind = '0'
	}
	h[156] = kind
	copy(h[157:257], e.link)
	field(257, 8, e.magic, "ustar\x0000")
	field(329, 8, "", fmt.Sprintf("%07o", e.major))
	field(337, 8, "", fmt.Sprintf("%07o", e.minor))
	copy(h[148:156], "        ")
	sum := 0
	for _, b := range h {
		sum += int(b)
	}
	if e.badSum {
		sum++
	}
	copy(h[148:156], fmt.Sprintf("%06o\x00 ", sum))
	out.Write(h)
	out.WriteString(e.body)
	out.Write(make([]byte, (block-len(e.body)%block)%block))
	return out.Bytes()
}

func (e entry) records() string {
	if e.paxRaw != "" {
		return e.paxRaw
	}
	var out strings.Builder
	for key, value := range e.pax {
		out.WriteString(record(key, value))
	}
	return out.String()
}

// record is "LENGTH KEY=VALUE\n", where LENGTH counts itself.
func record(key, value string) string {
	rest := " " + key + "=" + value + "\n"
	n := len(rest)
	for len(strconv.Itoa(n))+len(rest) != n {
		n = len(strconv.Itoa(n)) + len(rest)
	}
	return strconv.Itoa(n) + rest
}

// archive is a whole layer.
func archive(entries ...entry) []byte {
	var out bytes.Buffer
	for _, e := range entries {
		out.Write(e.bytes())
	}
	out.Write(make([]byte, 2*block))
	return out.Bytes()
}

func dir(name string) entry          { return entry{name: name, kind: '5'} }
func file(name, body string) entry   { return entry{name: name, body: body} }
func symlink(name, to string) entry  { return entry{name: name, kind: '2', link: to} }
func hardlink(name, to string) entry { return entry{name: name, kind: '1', link: to} }
func device(name string, kind byte, major, minor int64) entry {
	return entry{name: name, kind: kind, major: major, minor: minor}
}
