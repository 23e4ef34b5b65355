package podtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Snapshot counts everything the operating system holds for a world, by a description that stays the same when the thing
// is made again: processes by command line, not by pid.
type Snapshot map[string]int

// lasting are the paths, relative to a world, that commands may leave behind by design. Everything else that appears
// must be gone when the objects of a test are.
func lasting() []string {
	return []string{
		"r/pod/holder", "r/pod/holder.lock", // the user's namespaces
		"r/pod/binfmt", "r/pod/binfmt.lock", // the emulators of those
		"r/pod/cache/*",                                     // answers of probes, made again at will
		"r/pod/runtime/*",                                   // where the OCI runtime keeps a directory for each container
		"h/.local/share/pod/build",                          // directories of the cache of builds; what is in them is pruned
		"h/.local/share/pod/build/*",                        //
		"h/.local/share/pod/build/cache/??",                 //
		"h/.local/share/containers/storage/pod-build",       //
		"h/.local/share/containers/storage/overlay/staging", // the library's, where layers are made
		"r/pod/network/*",                                   // the network helper stays a while, with its directory; see isNetworkHelper
		"r/pod/network/*/log",                               //
		"r/pod/network/*/lock",
		"r/pod/network/*/socket",
		"r/pod/network/*/dial",
		"r/pod/network/*/netns",
		"r/pod/network/*/netns.log",
		"r/pod/network/*/attached",
		// Lock files are never removed: removing one while another opens it would split the lock.
		"h/.local/share/pod/names.lock", "h/.local/share/pod/creating.lock", "h/.local/share/pod/networks.lock",
		"h/.local/share/containers/storage/pod-pins/lock",
		"h/.local/share/containers/storage/pod-layers", "h/.local/share/containers/storage/pod-layers/?",
		"h/.local/share/containers/storage/overlay/staging",        // where layers are prepared; it is there, and empty
		"h/.local/share/pod/events", "h/.local/share/pod/events.1", // the journal of what happened
		"h/.local/share/pod/libexec/*", // the programs inside pod, unpacked
		"h/.local/share/containers/storage/pod-reserve", "h/.local/share/containers/storage/pod-reserve/*",
		"h/.local/share/pod/reserve", "h/.local/share/pod/reserve/*", // released to be able to remove when the disk is full
	}
}

// Snapshot looks at everything: processes, mounts, network namespaces, cgroups, files and sockets.
func (w *World) Snapshot() (Snapshot, error) {
	s := make(Snapshot)
	procs, err := descendants()
	if err != nil {
		return nil, err
	}
	procs = slices.DeleteFunc(procs, func(p proc) bool {
		if !w.isNetworkHelper(p) {
			return false
		}
		s.addInterfaces(p)
		return true
	})
	for _, p := range procs {
		s.add("process " + p.cmdline + " (" + p.name + ")")
	}
	s.addMounts(procs, filepath.Join(w.podRunDir(), "network"), filepath.Join(w.podRunDir(), "binfmt"))
	s.addNetworkNamespaces(procs)
	s.addSockets(w.Dir)
	return s, errors.Join(s.addCgroups(), s.addFiles(w))
}

// isNetworkHelper reports whether a process is this world's network helper or its way out. They stay for some time after the
// last container, since starting them costs more than a container; what they hold for containers must be gone all the same.
func (w *World) isNetworkHelper(p proc) bool {
	return strings.Contains(p.cmdline, filepath.Join(w.podRunDir(), "network")+"/")
}

// addInterfaces lists the containers' interfaces in the namespaces that the threads of a network helper are in.
func (s Snapshot) addInterfaces(p proc) {
	tables, _ := filepath.Glob("/proc/" + strconv.Itoa(p.pid) + "/task/*/net/dev")
	seen := make(map[string]bool)
	for _, table := range tables {
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(text)) {
			name, _, ok := strings.Cut(strings.TrimSpace(line), ":")
			if ok && strings.HasPrefix(name, "pve") && !seen[name] {
				seen[name] = true
				s.add("interface of a container")
			}
		}
	}
}

// Sweep compares with an earlier snapshot and gives what is there now and was not then. What is on its way out has
// until ctx ends.
func (w *World) Sweep(ctx context.Context, before Snapshot) ([]string, error) {
	var left []string
	err := Poll(ctx, func() (bool, error) {
		now, err := w.Snapshot()
		if err != nil {
			return false, err
		}
		left = now.since(before)
		return len(left) == 0, nil
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return left, err
}

// SweepTimeout is how long processes that were told to end may take.
const SweepTimeout = 5 * time.Second

func (s Snapshot) add(what string) { s[what]++ }

// since lists what s has more of than before.
func (s Snapshot) since(before Snapshot) []string {
	var more []string
	for _, what := range slices.Sorted(maps.Keys(s)) {
		switch n := s[what] - before[what]; {
		case n == 1:
			more = append(more, what)
		case n > 1:
			more = append(more, fmt.Sprintf("%s (%d times)", what, n))
		}
	}
	return more
}

// addMounts lists the mounts of this process's namespace and of every other one that its descendants are in.
// Those below the directories kept are left out.
func (s Snapshot) addMounts(procs []proc, kept ...string) {
	lasting := func(at string) bool {
		return slices.ContainsFunc(kept, func(dir string) bool { return strings.HasPrefix(at+"/", dir+"/") })
	}
	seen := make(map[string]bool)
	look := func(pid, owner string) {
		ns, err := os.Readlink("/proc/" + pid + "/ns/mnt")
		if err != nil || seen[ns] {
			return // it has ended, or its mounts are listed
		}
		seen[ns] = true
		b, err := os.ReadFile("/proc/" + pid + "/mountinfo")
		if err != nil {
			return
		}
		for _, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
			f := strings.Fields(line)
			if sep := slices.Index(f, "-"); sep > 4 && len(f) > sep+2 && !lasting(f[4]) {
				s.add(fmt.Sprintf("mount of %s at %s in the mount namespace of %s", f[sep+1], f[4], owner))
			}
		}
	}
	look("self", "the test")
	for _, p := range procs {
		look(strconv.Itoa(p.pid), p.name)
	}
}

func (s Snapshot) addNetworkNamespaces(procs []proc) {
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return
	}
	seen := map[string]bool{own: true}
	for _, p := range procs {
		ns, err := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/ns/net")
		if err == nil && !seen[ns] {
			seen[ns] = true
			s.add("network namespace of " + p.name)
		}
	}
}

// addSockets lists the listening sockets that have a path in the world, also those whose file is gone.
func (s Snapshot) addSockets(dir string) {
	b, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		return
	}
	const acceptsConnections = 1 << 16 // __SO_ACCEPTCON, the fourth column
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 8 || !strings.HasPrefix(f[7], dir) {
			continue
		}
		if strings.HasPrefix(f[7], filepath.Join(dir, "r", "pod", "network")+"/") {
			continue // the network helper's, which stays a while
		}
		if flags, err := strconv.ParseUint(f[3], 16, 64); err == nil && flags&acceptsConnections != 0 {
			s.add("socket " + f[7])
		}
	}
}

func (s Snapshot) addCgroups() error {
	top, err := DelegatedCgroup()
	if err != nil {
		return nil // then no engine of this user can have made any
	}
	return filepath.WalkDir(top, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case name == filepath.Join(top, "pod"): // the parent of the containers' cgroups, which stays
		case strings.HasSuffix(name, ".slice"): // systemd removes slices when it finds the time; what is in them counts
		case d.IsDir() && name != top:
			s.add("cgroup " + strings.TrimPrefix(name, top))
		}
		return nil
	})
}
