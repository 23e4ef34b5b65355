package engine

import (
	"errors"
	"os"
	"path"
	"strings"

	"github.com/pod-engine/pod/pkg/engine/step"
	"golang.org/x/sys/unix"
)

// stubs are the places at which something is mounted for a step and which its files do not have: what is made there to mount
// on is no work of the step, and is taken away again.
type stubs struct {
	missing []string // parents first
	// parents are the directories that had to change for it, as they were.
	parents map[string]unix.Stat_t
}

// stepMountPoints are all places on which something is mounted in a step.
func stepMountPoints(s step.Step) []string {
	points := []string{
		"/dev", "/proc", "/sys", "/etc/hosts", "/etc/resolv.conf", "/run/.containerenv",
	}
	if !s.Config.Network.NoHostname {
		points = append(points, "/etc/hostname")
	}
	for _, m := range s.Config.Mounts {
		points = append(points, m.Destination)
	}
	for _, d := range s.Config.Devices {
		points = append(points, d.Destination)
	}
	for _, t := range s.Trees {
		points = append(points, t.Destination)
	}
	return points
}

// findStubs looks which of the points, and which directories on the way to them, are missing below root.
func findStubs(root *os.File, points []string) stubs {
	s := stubs{parents: map[string]unix.Stat_t{}}
	for _, point := range points {
		at := ""
		for part := range strings.SplitSeq(strings.Trim(path.Clean(point), "/"), "/") {
			next := at + "/" + part
			var st unix.Stat_t
			err := unix.Fstatat(int(root.Fd()), next[1:], &st, unix.AT_SYMLINK_NOFOLLOW)
			link := err == nil && st.Mode&unix.S_IFMT == unix.S_IFLNK
			if link || errors.Is(err, unix.ENOENT) {
				s.note(root, at, next)
			}
			if link {
				break // what is mounted on is put in its place (prepareRoot)
			}
			at = next
		}
	}
	return s
}

func (s *stubs) note(root *os.File, parent, name string) {
	s.missing = append(s.missing, name)
	var st unix.Stat_t
	if parent != "" && unix.Fstatat(int(root.Fd()), parent[1:], &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		s.parents[parent] = st
	}
}

// remove takes the stubs out of the upper directory that are still as they were made: empty. A parent that was copied up for
// them alone goes too.
func (s stubs) remove(upper string) error {
	dir, err := os.Open(upper)
	if err != nil {
		return err
	}
	defer dir.Close()
	for i := len(s.missing) - 1; i >= 0; i-- {
		if err := removeEmpty(dir, s.missing[i]); err != nil {
			return err
		}
	}
	for name, before := range s.parents {
		var now unix.Stat_t
		err := statBeneath(dir, name, &now)
		if err == nil && now.Mode == before.Mode && now.Uid == before.Uid && now.Gid == before.Gid && !opaque(dir, name) {
			err = removeEmpty(dir, name)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

// beneath opens the directory that name is in, below dir and through no link: what is in dir was made by a stranger.
func beneath(dir *os.File, name string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	return unix.Openat2(int(dir.Fd()), "."+path.Dir(name), &how)
}

func statBeneath(dir *os.File, name string, st *unix.Stat_t) error {
	parent, err := beneath(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	return unix.Fstatat(parent, path.Base(name), st, unix.AT_SYMLINK_NOFOLLOW)
}

func removeEmpty(dir *os.File, name string) error {
	var st unix.Stat_t
	err := statBeneath(dir, name, &st)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil
	}
	if err != nil {
		return err
	}
	flags := 0
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		flags = unix.AT_REMOVEDIR
	case unix.S_IFREG:
		if st.Size > 0 {
			return nil
		}
	default:
		return nil
	}
	parent, err := beneath(dir, name)
	if err != nil {
		return err
	}
	defer unix.Close(parent)
	err = unix.Unlinkat(parent, path.Base(name), flags)
	if errors.Is(err, unix.ENOTEMPTY) {
		return nil
	}
	return err
}

// opaque reports whether a directory hides what is below it in overlay.
func opaque(dir *os.File, name string) bool {
	parent, err := beneath(dir, name)
	if err != nil {
		return true
	}
	defer unix.Close(parent)
	fd, err := unix.Openat(parent, path.Base(name), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	var value [1]byte
	for _, attribute := range []string{"user.overlay.opaque", "trusted.overlay.opaque"} {
		if n, err := unix.Fgetxattr(fd, attribute, value[:]); err == nil && n == 1 && value[0] == 'y' {
			return true
		}
	}
	return false
}
