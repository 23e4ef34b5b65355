package rootless

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// subFile is one of the two files of subordinate ids.
type subFile string

const (
	subUID subFile = "subuid"
	subGID subFile = "subgid"
)

func (s subFile) path() string { return "/etc/" + string(s) }

// usualIDs is how many ids images may count on; also what useradd(8) gives.
const usualIDs = 65536

func (f Facts) checkMapTool(name string) Finding {
	tool, err := f.Tool(name)
	if err != nil {
		return Finding{name, Failure, fmt.Sprintf("%q is not installed", name), f.install("uidmap", "shadow-utils", "shadow", "shadow-uidmap", "shadow")}
	}
	switch {
	case tool.SetUID:
		return ok(name, "%s (setuid)", tool.Path)
	case tool.Caps:
		return ok(name, "%s (file capabilities)", tool.Path)
	}
	return Finding{name, Failure, tool.Path + " is neither setuid root nor has file capabilities", "sudo chown root " + tool.Path + " && sudo chmod u+s " + tool.Path}
}

func (f Facts) checkRanges(file subFile) Finding {
	check := string(file)
	all, err := readSubRanges(f.path(file.path()))
	if err != nil {
		return Finding{check, Failure, err.Error(), "sudo chmod 0644 " + file.path()}
	}
	own := ownRanges(all, f.subordinateNames())
	maps, err := f.plannedMap(file)
	if errors.Is(err, errNoRange) {
		return Finding{check, Failure, fmt.Sprintf("%s has no ids for user %q", file.path(), f.name()), f.addRanges()}
	}
	if err != nil {
		return Finding{check, Failure, file.path() + ": " + err.Error(), "correct the lines of " + f.name() + " in " + file.path()}
	}
	if o, other, found := overlapOfOthers(all, own, f.subordinateNames()); found {
		return Finding{
			check, Warning, fmt.Sprintf("%s: range %d:%d is also given to %q, whose containers could reach your files", file.path(), o.Start, o.Count, other),
			"give " + f.name() + " and " + other + " separate ranges in " + file.path(),
		}
	}
	text := make([]string, len(own))
	for i, r := range own {
		text[i] = fmt.Sprintf("%d-%d", r.Start, r.end()-1)
	}
	n := size(maps) - 1
	if n < usualIDs {
		return Finding{check, Warning, fmt.Sprintf("%s gives %d ids; images may use %d", file.path(), n, usualIDs), f.addRanges()}
	}
	return ok(check, "%s (%d ids)", strings.Join(text, ", "), n)
}

// overlapOfOthers finds a range of ours that a user of another name has as well.
func overlapOfOthers(all, own []subRange, names []string) (ours subRange, other string, found bool) {
	for _, o := range own {
		for _, r := range all {
			if !slices.Contains(names, r.Owner) && r.overlaps(o) {
				return o, r.Owner, true
			}
		}
	}
	return subRange{}, "", false
}

// addRanges is the command that gives the user ids that nobody has yet.
func (f Facts) addRanges() string {
	start := uint64(100000)
	for _, file := range []subFile{subUID, subGID} {
		all, _ := readSubRanges(f.path(file.path()))
		for _, r := range all {
			start = max(start, r.end())
		}
	}
	span := fmt.Sprintf("%d-%d", start, start+usualIDs-1)
	return fmt.Sprintf("sudo usermod --add-subuids %s --add-subgids %s %s", span, span, f.name())
}

// checkHolder tells when the namespaces in use are older than the ranges: they keep the map they were made with.
func (f Facts) checkHolder() Finding {
	const check = "holder"
	pid, now, err := f.Holder()
	switch {
	case err != nil:
		return Finding{check, Warning, err.Error(), fmt.Sprintf("kill %d", pid)}
	case pid == 0:
		return ok(check, "none yet; the first command makes it")
	}
	want, err := planMaps(f)
	if err == nil && mapText(now) != mapText(want.uid) {
		return Finding{
			check, Warning, fmt.Sprintf("process %d holds a namespace with %d ids; a new one would have %d", pid, size(now), size(want.uid)),
			fmt.Sprintf("stop your containers, then: kill %d", pid),
		}
	}
	return ok(check, "process %d (%d ids)", pid, size(now))
}

func mapText(maps []IDMapping) string { return strings.Join(mapArgs(maps), " ") }
