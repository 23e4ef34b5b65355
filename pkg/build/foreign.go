package build

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// binfmtDir is where the kernel shows what starts programs that it cannot run itself (Documentation/admin-guide/binfmt-misc.rst).
const binfmtDir = "/proc/sys/fs/binfmt_misc"

// machine is what an ELF header says of an architecture (elf(5)).
type machine struct {
	class byte // 1: 32 bits, 2: 64
	order binary.ByteOrder
	code  uint16 // e_machine
}

func machines() map[string]machine {
	little, big := binary.LittleEndian, binary.BigEndian
	return map[string]machine{
		"386": {1, little, 3}, "amd64": {2, little, 62}, "arm": {1, little, 40}, "arm64": {2, little, 183},
		"loong64": {2, little, 258}, "mips64": {2, big, 8}, "mips64le": {2, little, 8}, "ppc64": {2, big, 21},
		"ppc64le": {2, little, 21}, "riscv64": {2, little, 243}, "s390x": {2, big, 22},
	}
}

// checkRuns says why a RUN for the platform cannot run on a machine of another one; nil: it can, as far as is known.
func checkRuns(platform, host plan.Platform, binfmt string) error {
	if platform.OS != host.OS {
		return fmt.Errorf("RUN for %s cannot run on %s", platform, host)
	}
	if platform.Arch == host.Arch || host.Arch == "amd64" && platform.Arch == "386" || host.Arch == "arm64" && platform.Arch == "arm" {
		return nil
	}
	m, known := machines()[platform.Arch]
	if !known {
		return nil // the kernel will say
	}
	entries, _ := os.ReadDir(binfmt)
	var unusable string
	for _, entry := range entries {
		text, err := os.ReadFile(filepath.Join(binfmt, entry.Name()))
		if err != nil {
			continue
		}
		h := parseHandler(string(text))
		switch {
		case !h.starts(m.header()):
		case !h.enabled:
			unusable = fmt.Sprintf("; %s is registered for it, but disabled", h.interpreter)
		case !strings.Contains(h.flags, "F"):
			unusable = fmt.Sprintf("; %s is registered for it, but without the flag F, by which it is there in a container too", h.interpreter)
		default:
			return nil
		}
	}
	return hint.Wrap(fmt.Errorf("RUN for %s cannot run on this machine, which is %s, and the kernel knows no emulator for it (binfmt_misc)%s", platform, host, unusable),
		"install qemu-user-static and binfmt-support, or let the stage run natively: FROM --platform=$BUILDPLATFORM")
}

// header is the beginning of a program for the machine.
func (m machine) header() []byte {
	h := make([]byte, 64)
	copy(h, "\x7fELF")
	h[4], h[5], h[6] = m.class, 1, 1
	if m.order == binary.BigEndian {
		h[5] = 2
	}
	m.order.PutUint16(h[16:], 2) // ET_EXEC
	m.order.PutUint16(h[18:], m.code)
	m.order.PutUint32(h[20:], 1)
	return h
}

// handler is an entry of binfmt_misc.
type handler struct {
	enabled     bool
	interpreter string
	flags       string
	offset      int
	magic, mask []byte
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
