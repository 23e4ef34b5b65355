package netns

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/process"
)

// FindHelpers gives the helpers that serve the namespace mounted at this absolute path and are still there. A helper ends with
// its monitor, which is its parent; when the monitor was killed, pasta goes when the file at the path is unlinked, but
// slirp4netns keeps running and keeps the namespace alive. The path names the container, so no other process has it as an
// argument of such a program. It reads /proc and is meant for cleaning up after a crash.
func FindHelpers(netns string) ([]process.Identity, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var found []process.Identity
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		// Read between two looks at the start time, the command line belongs to exactly that process.
		id, err := process.Identify(pid)
		if err != nil {
			continue
		}
		line, err := os.ReadFile("/proc/" + entry.Name() + "/cmdline")
		if err == nil && isHelper(line, netns) && id.Alive() {
			found = append(found, id)
		}
	}
	return found, nil
}

// isHelper reads the text of /proc/PID/cmdline.
func isHelper(cmdline []byte, netns string) bool {
	args := bytes.Split(bytes.TrimSuffix(cmdline, []byte{0}), []byte{0})
	program := args[0]
	if i := bytes.LastIndexByte(program, '/'); i >= 0 {
		program = program[i+1:]
	}
	switch string(program) {
	case "pasta", "pasta.avx2", "slirp4netns":
	default:
		// pod's own has its digest in its name.
		if !strings.HasPrefix(string(program), "pod-uplink") {
			return false
		}
	}
	for _, arg := range args[1:] {
		if string(arg) == netns {
			return true
		}
	}
	return false
}
