package rootless

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// joinStep is how far the constructor came; the list is that of constructor.h.
type joinStep int

const (
	joinNotTried joinStep = iota
	joinNoRecord
	joinStaleRecord
	joinPidfd
	joinSetns
	joinDone
)

type joinResult struct {
	step     joinStep
	err      unix.Errno // of that step
	uid, gid uint32     // outside, after joinDone
	holder   int
	cwdError unix.Errno
	cwdGone  bool
	cwd      string
}

// place is where the program runs.
type place int

const (
	outside    place = iota // an ordinary user in no namespace of ours
	inside                  // in the holder's namespaces
	foreign                 // root in a user namespace that somebody else made for this user: unshare -r
	systemRoot              // root of the machine, or of a container that is a whole system
)

// location is what the process knows about itself before it has touched anything.
type location struct {
	place          place
	uid, gid       uint32 // outside
	uidMap, gidMap []IDMapping
	holder         int
	// dir is the working directory outside when dirError says why it has no path inside. With dirGone it is not even open.
	dir      string
	dirError error
	dirGone  bool
	join     joinResult
}

func locate() (location, error) {
	here := location{join: constructed(), uid: uint32(os.Geteuid()), gid: uint32(os.Getegid())}
	var err error
	if here.uidMap, err = readIDMap("/proc/self/uid_map"); err != nil {
		return here, err
	}
	if here.gidMap, err = readIDMap("/proc/self/gid_map"); err != nil {
		return here, err
	}
	if here.join.step == joinDone {
		here.place, here.holder = inside, here.join.holder
		here.uid, here.gid = here.join.uid, here.join.gid
		if here.join.cwdError != 0 {
			here.dir, here.dirError, here.dirGone = here.join.cwd, here.join.cwdError, here.join.cwdGone
		}
		return here, nil
	}
	if os.Geteuid() == 0 {
		return locateRoot(here)
	}
	return here, nil
}

// locateRoot tells the roots apart. The owner of "/" decides between a whole system in a user namespace (a container)
// and a user who calls himself root: the latter does not own it.
func locateRoot(here location) (location, error) {
	here.place = systemRoot
	if isWholeMap(here.uidMap) {
		return here, nil
	}
	uid, uidOK := hostID(here.uidMap, 0)
	gid, gidOK := hostID(here.gidMap, here.gid)
	if !uidOK {
		return here, nil
	}
	if said, ok := saidToBeInside(os.Getenv(envInside), uid); ok {
		here.place, here.uid, here.gid = inside, uid, said
		here.holder = holderOfThisNamespace(int(uid))
		return here, nil
	}
	var root unix.Stat_t
	if err := unix.Stat("/", &root); err != nil || root.Uid == 0 {
		return here, nil
	}
	if !gidOK {
		gid = here.gid
	}
	here.place, here.uid, here.gid = foreign, uid, gid
	return here, nil
}

// saidToBeInside checks what ChildEnv told this process against the id that root really has outside: an environment that was
// carried to another namespace or user is not believed.
func saidToBeInside(value string, uid uint32) (gid uint32, ok bool) {
	var u, g uint32
	if n, err := fmt.Sscanf(value, "%d %d", &u, &g); n != 2 || err != nil || u != uid {
		return 0, false
	}
	return g, true
}

// isWholeMap reports the map of the initial user namespace: every id is itself.
func isWholeMap(m []IDMapping) bool {
	return len(m) == 1 && m[0] == IDMapping{0, 0, 1<<32 - 1}
}

// ownMounts gives a process in a foreign user namespace a mount namespace in which it may mount, unless it has one. A mount
// namespace belongs to one thread here, so the program starts itself again from that thread.
func ownMounts() error {
	if mountsBelongToUser() {
		return nil
	}
	if os.Getenv(envAttempts) != "" {
		return fmt.Errorf("make a mount namespace in this user namespace: it does not belong to it")
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace in this user namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("make the mounts of this mount namespace private: %w", err)
	}
	return startAgain(1)
}

// mountsBelongToUser reports whether this process's mount namespace is owned by its user namespace. When the kernel
// cannot say, it is taken to be.
func mountsBelongToUser() bool {
	fd, err := unix.Open("/proc/self/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	owner, err := unix.IoctlRetInt(fd, unix.NS_GET_USERNS)
	if err != nil {
		return err != unix.EPERM // EPERM: it lies outside of our user namespace
	}
	defer unix.Close(owner)
	var theirs, ours unix.Stat_t
	if unix.Fstat(owner, &theirs) != nil || unix.Stat("/proc/self/ns/user", &ours) != nil {
		return true
	}
	return theirs.Ino == ours.Ino
}

// startAgain replaces this process by the same program with the same arguments, and counts that it did.
func startAgain(attempt int) error {
	env := []string{fmt.Sprintf("%s=%d", envAttempts, attempt)}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, envAttempts+"=") {
			env = append(env, v)
		}
	}
	err := syscall.Exec("/proc/self/exe", os.Args, env)
	return fmt.Errorf("start %q again: %w", os.Args[0], err)
}
