package binfmt

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// machine is what an ELF header says of an architecture (elf(5)), and what qemu calls it.
type machine struct {
	class byte // 1: 32 bits, 2: 64
	order binary.ByteOrder
	code  uint16 // e_machine
	qemu  string
}

// machines are by the names of GOARCH.
func machines() map[string]machine {
	little, big := binary.LittleEndian, binary.BigEndian
	return map[string]machine{
		"386": {1, little, 3, "i386"}, "amd64": {2, little, 62, "x86_64"}, "arm": {1, little, 40, "arm"}, "arm64": {2, little, 183, "aarch64"},
		"loong64": {2, little, 258, "loongarch64"}, "mips64": {2, big, 8, "mips64"}, "mips64le": {2, little, 8, "mips64el"},
		"ppc64": {2, big, 21, "ppc64"}, "ppc64le": {2, little, 21, "ppc64le"}, "riscv64": {2, little, 243, "riscv64"}, "s390x": {2, big, 22, "s390x"},
	}
}

// native reports whether the processor of a machine itself runs programs for arch.
func native(arch, machine string) bool {
	return arch == machine || machine == "amd64" && arch == "386" || machine == "arm64" && arch == "arm"
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

// handler is what the kernel is to know of an emulator for the machine: programs of any system (e_ident[EI_OSABI]), at a fixed place or not
// (ET_EXEC, ET_DYN).
func (m machine) handler(name, interpreter string) handler {
	h := handler{name: name, enabled: true, interpreter: interpreter, magic: m.header()[:20], mask: make([]byte, 20)}
	for i := range h.mask {
		h.mask[i] = 0xff
	}
	h.mask[7] = 0
	if m.order == binary.BigEndian {
		h.mask[17] = 0xfe
	} else {
		h.mask[16] = 0xfe
	}
	// F opens the emulator now, so that containers need not have it; C lets programs with set-user-id bits be what they are here, and P
	// leaves argv[0] alone.
	h.flags = "PCF"
	return h
}

// register is the handler in the form that the kernel takes.
func (h handler) register() string {
	kind, what, mask, offset := "M", hexed(h.magic), hexed(h.mask), fmt.Sprint(h.offset)
	if h.extension != "" {
		kind, what, mask, offset = "E", h.extension, "", ""
	}
	flags := strings.Map(func(r rune) rune {
		if strings.ContainsRune("POCF", r) {
			return r
		}
		return -1
	}, h.flags)
	return strings.Join([]string{"", h.name, kind, offset, what, mask, h.interpreter, flags}, ":")
}

func hexed(b []byte) string {
	var out strings.Builder
	for _, c := range b {
		fmt.Fprintf(&out, `\x%02x`, c)
	}
	return out.String()
}
