package netns

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/pkg/container"
)

// portHolder says who holds a port, to follow "it is in use": by name and pid when the
// process can be looked into, else by whose it is.
// It reads the kernel's socket tables; it is only called when something has failed.
func portHolder(p container.Port) string {
	protocol := protocolOf(p)
	for _, table := range []string{protocol, protocol + "6"} {
		text, err := os.ReadFile("/proc/thread-self/net/" + table)
		if err != nil {
			continue
		}
		inode, uid, ok := findSocket(string(text), p.HostPort, protocol == "tcp")
		if !ok {
			continue
		}
		if pid := socketProcess(inode); pid != 0 {
			return fmt.Sprintf(" by %q (pid %d)", processName(pid), pid)
		}
		if uid == strconv.Itoa(os.Getuid()) {
			return " by another process of yours" // one outside the user namespace that pod is in, or that hides its descriptors, as pasta does
		}
		return " by a process of another user"
	}
	return ""
}

// findSocket reads the text of /proc/net/{tcp,udp}{,6} for the inode and user of the socket bound to port. listening asks for a
// listening one (state 0A); an established connection does not hold a port against others.
func findSocket(table string, port uint16, listening bool) (inode, uid string, ok bool) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 10 || listening && f[3] != "0A" {
			continue
		}
		_, hex, found := strings.Cut(f[1], ":")
		n, err := strconv.ParseUint(hex, 16, 16)
		if found && err == nil && uint16(n) == port {
			return f[9], f[7], true
		}
	}
	return "", "", false
}

// socketProcess is the pid of a process that has the socket open, or 0 when none may be looked into.
func socketProcess(inode string) int {
	target := "socket:[" + inode + "]"
	links, err := filepath.Glob("/proc/[0-9]*/fd/[0-9]*")
	if err != nil {
		return 0
	}
	for _, link := range links {
		if to, err := os.Readlink(link); err == nil && to == target {
			pid, _ := strconv.Atoi(strings.Split(link, "/")[2])
			return pid
		}
	}
	return 0
}

func processName(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return "?"
	}
	first, _, _ := bytes.Cut(b, []byte{0})
	return filepath.Base(string(first))
}
