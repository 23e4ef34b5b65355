package rootless

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/process"
)

// holderName is the name of the holder's process, as the constructor sets it.
const holderName = "pod-holder"

// writeRecord names the holder for all later commands. It need not survive a power loss: neither does the holder.
func writeRecord(path string, id process.Identity) error {
	return atomicfile.WriteVolatile(path, fmt.Appendf(nil, "%d %d %s\n", id.PID, id.Start, id.Boot))
}

// readRecord gives what the record says; anything unreadable is no holder.
func readRecord(path string) (process.Identity, bool) {
	b, err := os.ReadFile(path)
	if err != nil {
		return process.Identity{}, false
	}
	return parseRecord(b)
}

func parseRecord(b []byte) (process.Identity, bool) {
	f := bytes.Fields(b)
	if len(f) != 3 {
		return process.Identity{}, false
	}
	pid, err := strconv.Atoi(string(f[0]))
	start, err2 := strconv.ParseUint(string(f[1]), 10, 64)
	if err != nil || err2 != nil || pid <= 1 {
		return process.Identity{}, false
	}
	return process.Identity{PID: pid, Start: start, Boot: string(f[2])}, true
}

// liveHolder gives the recorded holder when it lives. The checks are those of is_recorded in join.c: what passes here can be joined
// there.
func liveHolder(record string, euid int) (process.Identity, bool) {
	id, ok := readRecord(record)
	if !ok || !id.Alive() {
		return process.Identity{}, false
	}
	proc := "/proc/" + strconv.Itoa(id.PID)
	comm, err := os.ReadFile(proc + "/comm")
	if err != nil || string(bytes.TrimSpace(comm)) != holderName {
		return process.Identity{}, false
	}
	var st unix.Stat_t
	if err := unix.Stat(proc, &st); err != nil || int(st.Uid) != euid {
		return process.Identity{}, false
	}
	return id, true
}

// holderOfThisNamespace gives the pid of the living holder of the namespace this process is in, or 0.
func holderOfThisNamespace(uid int) int {
	id, ok := liveHolder(runtimeBase(os.Geteuid(), uid)+"/pod/holder", os.Geteuid())
	if !ok {
		return 0
	}
	ours, err := os.Readlink("/proc/self/ns/user")
	theirs, err2 := os.Readlink("/proc/" + strconv.Itoa(id.PID) + "/ns/user")
	if err != nil || err2 != nil || ours != theirs {
		return 0
	}
	return id.PID
}
