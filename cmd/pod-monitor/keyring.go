package main

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// keyring is the runtime's argument for a container whose session keyring is the caller's, or nothing for one of its own. A user may have
// 200 kernel keys (keyrings(7)), and a runtime that can make no keyring gives up, saying so on the container's stderr. The default
// seccomp profile lets no container use keys, so that the keyring makes no difference to it.
func (s *supervisor) keyring() []string {
	name := s.launch.Runtime[strings.LastIndexByte(s.launch.Runtime, '/')+1:]
	if name != "crun" && name != "runc" {
		return nil // it may not know the flag, nor make keyrings
	}
	users, err := os.ReadFile("/proc/key-users")
	if err != nil || !keysUsedUp(string(users), os.Geteuid()) {
		return nil
	}
	report("all kernel keys of the user are in use (kernel.keys.maxkeys); the container has the keyring of its caller")
	return []string{noNewKeyring}
}

const noNewKeyring = "--no-new-keyring"

// keysUsedUp reads the text of /proc/key-users: "UID: usage nkeys/nikeys qnkeys/maxkeys qnbytes/maxbytes". A keyring takes one key, and
// as many bytes as its name has and some.
func keysUsedUp(users string, uid int) bool {
	for line := range strings.Lines(users) {
		f := strings.Fields(line)
		if len(f) == 5 && f[0] == strconv.Itoa(uid)+":" {
			return room(f[3]) < 1 || room(f[4]) < keyringBytes
		}
	}
	return false
}

// room reads "USED/MOST".
func room(text string) int {
	used, most, _ := strings.Cut(text, "/")
	u, err1 := strconv.Atoi(used)
	m, err2 := strconv.Atoi(most)
	if err1 != nil || err2 != nil {
		return keyringBytes // whatever that is, the runtime will say
	}
	return m - u
}

// keyringBytes is what a keyring named after a container's id takes.
const keyringBytes = 128

// shortOfKeys tells from a failure of the runtime that somebody took the last key since keyring looked.
func shortOfKeys(message string, args []string) bool {
	return !slices.Contains(args, noNewKeyring) && monitor.RuntimeKeyrings(message)
}
