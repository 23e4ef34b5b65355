// Package rootless puts the program into the user's own user and mount namespace, in which it is root over the user's
// subordinate ids, and says what the host lacks when that cannot be done.
//
// One small process per user, the holder, keeps the two namespaces open. It is named by a record in the run directory:
// pid, start time and boot id. A C constructor finds it and joins its namespaces before the Go runtime starts, since a
// process with threads cannot change its user namespace; so an ordinary command is already inside when main begins. The first
// command makes the holder and starts itself again. A holder that was killed is replaced by the next command; what runs
// in containers does not depend on it.
package rootless

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
)

// The environment this package reads. The constructor reads the first four.
const (
	envNoJoin   = "POD_NO_JOIN"  // set by a person or by us: stay outside
	envHolder   = "_POD_HOLDER"  // be a holder; the number of the control socket
	envProbe    = "_POD_PROBE"   // be a probe
	envAttempts = "_POD_ENTER"   // how often the program has started itself again to get inside
	envInside   = "_POD_USERNS"  // "UID GID" outside, for processes started inside
	envStorage  = "_CONTAINERS_" // prefix of what the storage library reads
)

// Options of Enter.
type Options struct {
	// Warn is told, in one line without a line end, what will not work inside. Nil discards.
	Warn func(string)
}

// Where root's state is.
const (
	systemRuntime = "/run"
	systemData    = "/var/lib/pod"
)

// IDMapping is one line of a uid_map or gid_map: Size ids that start at ContainerID inside and at HostID outside.
type IDMapping struct {
	ContainerID uint32 `json:"containerID"`
	HostID      uint32 `json:"hostID"`
	Size        uint32 `json:"size"`
}

// Info says who runs the program and where that person's files are. All ids and names are those outside.
type Info struct {
	Rootless bool // false: root of this system, also of a container that is a whole system
	UID, GID int
	User     string // empty when there is no such entry in /etc/passwd
	Home     string

	UIDMap, GIDMap []IDMapping
	SingleID       bool // only the user's own id exists inside

	RuntimeDir string // the XDG runtime directory or what stands in for it
	RunDir     string // volatile state, below RuntimeDir
	DataDir    string // durable state
	HolderPID  int    // 0 when no holder is involved
}

// Enter gives the program's place inside the user's namespaces, with the directories of Info made. Called outside of them, it
// makes them if need be and starts the program again with the same arguments and environment: it then returns only an
// error. It sets the environment by which the storage library and child processes know that they are inside.
func Enter(ctx context.Context, opts Options) (Info, error) {
	if opts.Warn == nil {
		opts.Warn = func(string) {}
	}
	here, err := locate()
	if err != nil {
		return Info{}, fmt.Errorf("read the id maps of this process: %w", err)
	}
	switch here.place {
	case outside:
		return Info{}, goInside(ctx, here, opts)
	case systemRoot:
		return systemInfo(here)
	}
	if err := here.checkDir(opts.Warn); err != nil {
		return Info{}, err
	}
	if here.place == foreign {
		if err := ownMounts(); err != nil {
			return Info{}, err
		}
	}
	info, err := userInfo(here)
	if err != nil {
		return Info{}, err
	}
	return info, setEnvironment(info)
}

// ChildEnv is what the environment of a process started inside needs in addition, so that Enter in that process finds
// the same Info. It is empty for root.
func ChildEnv(info Info) []string {
	if !info.Rootless {
		return nil
	}
	env := []string{
		envInside + "=" + strconv.Itoa(info.UID) + " " + strconv.Itoa(info.GID),
		envStorage + "USERNS_CONFIGURED=done",
		envStorage + "ROOTLESS_UID=" + strconv.Itoa(info.UID),
		envStorage + "ROOTLESS_GID=" + strconv.Itoa(info.GID),
		"XDG_RUNTIME_DIR=" + info.RuntimeDir,
	}
	if info.Home != "" {
		env = append(env, "HOME="+info.Home)
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		env = append(env, "XDG_DATA_HOME="+dir)
	}
	return env
}

// setEnvironment makes this process, and so its children, know what ChildEnv says.
func setEnvironment(info Info) error {
	for _, v := range ChildEnv(info) {
		name, value, _ := strings.Cut(v, "=")
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return os.Unsetenv(envAttempts)
}

// checkDir speaks up when the working directory was lost on the way in. Without any it would be "/" from here on, and
// relative paths would mean other files than the user's.
func (here location) checkDir(warn func(string)) error {
	switch {
	case here.dirError == nil:
		return nil
	case here.dirGone:
		return hint.Wrap(fmt.Errorf("keep the working directory %q in the user's namespaces: %w", here.dir, here.dirError), "cd to a directory that your user can enter")
	}
	warn(fmt.Sprintf("the working directory %q has no path in the user's namespaces (%s): it cannot be mounted into containers", here.dir, here.dirError))
	return nil
}

func systemInfo(here location) (Info, error) {
	info := Info{
		UIDMap: here.uidMap, GIDMap: here.gidMap,
		User: "root", Home: homeOf(account{Home: "/root"}),
		RuntimeDir: systemRuntime, RunDir: systemRuntime + "/pod", DataDir: systemData,
	}
	return info, errors.Join(ownDir(info.RunDir), ownDir(info.DataDir))
}

func userInfo(here location) (Info, error) {
	acct, err := lookupAccount("/etc/passwd", here.uid)
	if err != nil {
		return Info{}, err
	}
	info := Info{
		Rootless: true,
		UID:      int(here.uid), GID: int(here.gid), User: acct.Name, Home: homeOf(acct),
		UIDMap: here.uidMap, GIDMap: here.gidMap, SingleID: size(here.uidMap) == 1,
		HolderPID: here.holder,
	}
	if info.RuntimeDir, info.RunDir, err = makeRunDir(os.Geteuid(), int(here.uid)); err != nil {
		return Info{}, err
	}
	if info.DataDir, err = makeDataDir(info.Home); err != nil {
		return Info{}, err
	}
	return info, nil
}

// size is the number of ids a map covers.
func size(maps []IDMapping) uint64 {
	var n uint64
	for _, m := range maps {
		n += uint64(m.Size)
	}
	return n
}
