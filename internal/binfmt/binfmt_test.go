package binfmt

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
)

// As the kernel shows what Debian's qemu-user-static registers.
const qemuARM64 = `enabled
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: PF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
`

// TestWhatTheMachineHas is about the machine's own set, where no other can be made.
func TestWhatTheMachineHas(t *testing.T) {
	for _, tt := range []struct {
		name, arch, handler, status string
		want                        string // part of the error; empty: none
	}{
		{"own", "amd64", "", "enabled", ""},
		{"32 bits", "386", "", "enabled", ""},
		{"unknown", "vax", "", "enabled", ""},
		{"no emulator", "arm64", "", "enabled", "knows no emulator"},
		{"emulator", "arm64", qemuARM64, "enabled", ""},
		{"emulator of another", "s390x", qemuARM64, "enabled", "knows no emulator"},
		{"disabled", "arm64", strings.Replace(qemuARM64, "enabled", "disabled", 1), "enabled", "but disabled"},
		{"all disabled", "arm64", qemuARM64, "disabled", "but disabled"},
		{"outside of containers", "arm64", strings.Replace(qemuARM64, "PF", "P", 1), "enabled", "without the flag F"},
		{"short mask", "arm64", strings.Replace(qemuARM64, "mask ffffffffffffff00fffffffffffffffffeffffff", "mask ff", 1), "enabled", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"qemu": tt.handler, "status": tt.status + "\n", "register": "", "python": "enabled\nextension .py\n"} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			err := Namespace{Arch: "amd64", System: dir}.Ensure(t.Context(), tt.arch)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("the error is %v, want %q", err, tt.want)
			}
			if err != nil && hint.Of(err) != "install qemu-user-static and binfmt-support" {
				t.Errorf("the hint is %q", hint.Of(err))
			}
		})
	}
}

func TestArchs(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"qemu": qemuARM64, "status": "enabled\n", "register": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := (Namespace{Arch: "amd64", System: dir}).Archs(); !slices.Equal(got, []string{"amd64", "386", "arm64"}) {
		t.Errorf("a machine of amd64 with an emulator for arm64 runs %v", got)
	}
}

func TestNoEmulatorIsInstalled(t *testing.T) {
	none := func(string) (string, error) { return "", errors.New("not found") }
	err := Namespace{Arch: "amd64", System: t.TempDir(), Own: filepath.Join(t.TempDir(), "own"), Find: none}.Ensure(t.Context(), "riscv64")
	if err == nil || hint.Of(err) != "install qemu-user-static" {
		t.Errorf("got %v, hint %q", err, hint.Of(err))
	}
}

// TestRegister compares with what Debian registers (/usr/lib/binfmt.d), but for the interpreter and the flag C.
func TestRegister(t *testing.T) {
	for arch, want := range map[string]string{
		"arm64":   `:n:M:0:\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/q:PCF`,
		"arm":     `:n:M:0:\x7f\x45\x4c\x46\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/q:PCF`,
		"s390x":   `:n:M:0:\x7f\x45\x4c\x46\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff:/q:PCF`,
		"riscv64": `:n:M:0:\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf3\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:/q:PCF`,
	} {
		h := machines()[arch].handler("n", "/q")
		if got := h.register(); got != want {
			t.Errorf("%s: got  %s\nwant %s", arch, got, want)
		}
		if !h.starts(machines()[arch].header()) {
			t.Errorf("%s: its own programs are not recognized", arch)
		}
	}
	// What the machine has is registered as it is.
	h := parseHandler(qemuARM64)
	h.name = "n"
	if got := h.register(); !strings.HasPrefix(got, `:n:M:0:\x7f\x45`) || !strings.HasSuffix(got, ":/usr/libexec/qemu-binfmt/aarch64-binfmt-P:PF") {
		t.Errorf("got %s", got)
	}
	h = parseHandler("enabled\ninterpreter /usr/bin/python3\nflags: \nextension .pyc\n")
	h.name = "python"
	if got, want := h.register(), ":python:E::pyc::/usr/bin/python3:"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStatic(t *testing.T) {
	if _, err := os.Stat("/lib64/ld-linux-x86-64.so.2"); err == nil && static("/bin/bash") {
		t.Error("bash needs no libraries")
	}
	if busybox := "/bin/busybox"; exists(busybox) && !static(busybox) {
		t.Error("busybox-static needs libraries")
	}
	if static("/etc/passwd") || static("/nothing") || isStatic([]byte("\x7fELF")) {
		t.Error("what is no program is a static one")
	}
	// Its program headers are said to be at the end of the address space.
	head := make([]byte, 64)
	copy(head, "\x7fELF\x02\x01")
	binary.LittleEndian.PutUint64(head[32:], math.MaxUint64-3)
	binary.LittleEndian.PutUint16(head[54:], 56)
	binary.LittleEndian.PutUint16(head[56:], 2)
	if isStatic(head) {
		t.Error("a program without headers is a static one")
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
