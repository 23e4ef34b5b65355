package binfmt

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// handler is an entry of binfmt_misc.
type handler struct {
	name        string
	enabled     bool
	interpreter string
	flags       string
	extension   string // with it there is no magic
	offset      int
	magic, mask []byte
}

// handlers are those that the kernel shows in a directory; none, when nothing is mounted there.
func handlers(dir string) []handler {
	entries, _ := os.ReadDir(dir)
	var out []handler
	for _, entry := range entries {
		if entry.Name() == "status" || entry.Name() == "register" {
			continue
		}
		if text, err := os.ReadFile(filepath.Join(dir, entry.Name())); err == nil {
			h := parseHandler(string(text))
			h.name = entry.Name()
			out = append(out, h)
		}
	}
	return out
}

// shown reports whether the kernel's file system is mounted in dir.
func shown(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, "register"))
	return err == nil
}

// off reports whether all handlers are switched off.
func off(dir string) bool {
	text, err := os.ReadFile(filepath.Join(dir, "status"))
	return err == nil && strings.TrimSpace(string(text)) == "disabled"
}

func parseHandler(text string) handler {
	var h handler
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch key {
		case "enabled":
			h.enabled = true
		case "interpreter":
			h.interpreter = value
		case "flags:":
			h.flags = value
		case "extension":
			h.extension = strings.TrimPrefix(value, ".")
		case "offset":
			h.offset, _ = strconv.Atoi(value)
		case "magic":
			h.magic, _ = hex.DecodeString(value)
		case "mask":
			h.mask, _ = hex.DecodeString(value)
		}
	}
	return h
}

// starts reports whether the entry is for a file that begins like this.
func (h handler) starts(header []byte) bool {
	if len(h.magic) == 0 || h.offset < 0 || h.offset+len(h.magic) > len(header) {
		return false
	}
	part := bytes.Clone(header[h.offset : h.offset+len(h.magic)])
	magic := bytes.Clone(h.magic)
	for i := range h.mask {
		if i < len(part) {
			part[i] &= h.mask[i]
			magic[i] &= h.mask[i]
		}
	}
	return bytes.Equal(part, magic)
}

// usable reports whether one of the handlers in dir runs programs of the machine in any container; if not, why says what is wrong with one that
// would, or is empty.
func usable(dir string, m machine) (ok bool, why string) {
	for _, h := range handlers(dir) {
		switch {
		case !h.starts(m.header()):
		case !h.enabled || off(dir):
			why = fmt.Sprintf("%s is registered for it, but disabled", h.interpreter)
		case !strings.Contains(h.flags, "F"):
			why = fmt.Sprintf("%s is registered for it, but without the flag F, by which it is there in a container too", h.interpreter)
		default:
			return true, ""
		}
	}
	return false, why
}
