// Package binfmt has the kernel run programs for other processors by an emulator (Documentation/admin-guide/binfmt-misc.rst).
//
// The machine's administrator registers emulators for everybody. Where nobody has, a user namespace can have a set of its own since Linux 6.7, and
// no rights are needed for that: it exists while its file system is mounted somewhere, and replaces the machine's set for all in the namespace.
package binfmt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/hint"
	"golang.org/x/sys/unix"
)

// SystemDir is where the kernel shows the machine's set.
const SystemDir = "/proc/sys/fs/binfmt_misc"

// Namespace is a user namespace in which programs run.
type Namespace struct {
	Arch   string // of the machine, as GOARCH has it
	System string // SystemDir
	// Own is where the namespace's own set is mounted, in a mount namespace that stays; empty: it can have none, as that of the machine itself.
	Own string
	// Find is exec.LookPath.
	Find func(program string) (string, error)
}

// Ensure makes sure that programs for an architecture, in the words of GOARCH, run in all containers of the namespace. An error says why they do not; an
// architecture that is not known is none.
func (n Namespace) Ensure(ctx context.Context, arch string) error {
	m, known := machines()[arch]
	if native(arch, n.Arch) || !known {
		return nil
	}
	ok, why := n.runs(m)
	if ok {
		return nil
	}
	if n.Own == "" {
		return hint.Wrap(missing(why), "install qemu-user-static and binfmt-support")
	}
	program, err := n.emulator(m)
	if err != nil {
		return hint.Wrap(missing(why), "install qemu-user-static")
	}
	if err := n.provide(ctx); err != nil {
		why := fmt.Sprintf("%s could not be registered for this user alone: %s", program, err)
		return hint.Wrap(missing(why), "install binfmt-support and qemu-user-static, by which root registers it for the machine; for one user alone it takes Linux 6.7")
	}
	if ok, why = n.runs(m); !ok {
		return hint.Wrap(missing(why), "install qemu-user-static")
	}
	return nil
}

// Archs are the architectures whose programs run as it is, and those for which an emulator is installed, in the words of GOARCH; the machine's own is the first.
func (n Namespace) Archs() []string {
	out := []string{n.Arch}
	for _, arch := range slices.Sorted(maps.Keys(machines())) {
		m := machines()[arch]
		runs := native(arch, n.Arch)
		if !runs {
			runs, _ = n.runs(m)
		}
		if !runs && n.Own != "" {
			_, err := n.emulator(m)
			runs = err == nil
		}
		if runs && arch != n.Arch {
			out = append(out, arch)
		}
	}
	return out
}

func missing(why string) error {
	text := "the kernel knows no emulator for it (binfmt_misc)"
	if why != "" {
		text += "; " + why
	}
	return errors.New(text)
}

// runs reports whether programs of the machine run as it is.
func (n Namespace) runs(m machine) (ok bool, why string) {
	if n.Own != "" && shown(n.Own) {
		return usable(n.Own, m)
	}
	if shown(n.System) {
		return usable(n.System, m)
	}
	// In a container of somebody else's nothing is shown of what the machine has.
	return starts(m), ""
}

// starts reports whether the kernel takes something that begins like a program of the machine for one. What is started ends at once: there is nothing in it.
func starts(m machine) bool {
	fd, err := unix.MemfdCreate("program", unix.MFD_CLOEXEC)
	if err != nil {
		return false
	}
	f := os.NewFile(uintptr(fd), "program")
	defer f.Close()
	if _, err := f.Write(m.header()); err != nil || f.Chmod(0o700) != nil {
		return false
	}
	cmd := exec.Command(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err := cmd.Start(); err != nil {
		return false
	}
	cmd.Process.Kill()
	cmd.Wait()
	return true
}

// emulator finds the program that runs those of the machine. It must need no libraries: those of a container are not its own.
func (n Namespace) emulator(m machine) (string, error) {
	for _, name := range []string{"qemu-" + m.qemu + "-static", "qemu-" + m.qemu} {
		path, err := n.Find(name)
		if err == nil {
			path, err = filepath.Abs(path)
		}
		if err == nil && static(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("there is no qemu-%s-static", m.qemu)
}

// provide gives the namespace a set of its own: what the machine's has, and each emulator that is installed and that it has not.
func (n Namespace) provide(ctx context.Context) error {
	lock, err := filelock.Acquire(ctx, n.Own+".lock", "register emulators")
	if err != nil {
		return err
	}
	defer lock.Release()
	if !shown(n.Own) {
		if err := os.MkdirAll(n.Own, 0o700); err != nil {
			return err
		}
		if err := unix.Mount("binfmt_misc", n.Own, "binfmt_misc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return errors.Join(fmt.Errorf("mount binfmt_misc: %w", err), os.Remove(n.Own))
		}
		if err := failpoint.Hit("emulator.mounted"); err != nil {
			return err
		}
	}
	// Also when it is mounted: who did that may have died since. What is there already is no error.
	for _, h := range handlers(n.System) {
		if h.enabled {
			n.register(h) // one whose interpreter has gone is no loss
		}
	}
	for arch, m := range machines() {
		if ok, _ := usable(n.Own, m); ok || native(arch, n.Arch) {
			continue
		}
		program, err := n.emulator(m)
		if err != nil {
			continue
		}
		if err := n.register(m.handler("pod-"+arch, program)); err != nil {
			return err
		}
	}
	return failpoint.Hit("emulator.registered")
}

func (n Namespace) register(h handler) error {
	f, err := os.OpenFile(filepath.Join(n.Own, "register"), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.WriteString(f, h.register())
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("register %s: %w", h.interpreter, err)
	}
	return nil
}

// static reports whether a program needs no program interpreter (PT_INTERP in elf(5)).
func static(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096) // the program headers come right after the header
	n, _ := io.ReadFull(f, head)
	return isStatic(head[:n])
}

func isStatic(head []byte) bool {
	if len(head) < 64 || !strings.HasPrefix(string(head), "\x7fELF") {
		return false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if head[5] == 2 {
		order = binary.BigEndian
	}
	const interpreter = 3 // PT_INTERP
	at, size, count := order.Uint64(head[32:]), uint64(order.Uint16(head[54:])), uint64(order.Uint16(head[56:]))
	if head[4] == 1 {
		at, size, count = uint64(order.Uint32(head[28:])), uint64(order.Uint16(head[42:])), uint64(order.Uint16(head[44:]))
	}
	for i := range count {
		begin := at + i*size
		if size < 4 || begin > uint64(len(head)) || begin+4 > uint64(len(head)) {
			return false
		}
		if order.Uint32(head[begin:]) == interpreter {
			return false
		}
	}
	return count > 0
}
