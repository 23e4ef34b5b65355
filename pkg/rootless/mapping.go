package rootless

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
)

// mapPlan is what a new user namespace will contain.
type mapPlan struct {
	uid, gid []IDMapping
	// single, when not empty, says in one line why there is only the user's own id.
	single string
}

// planMaps decides on the maps. Missing tools or ranges leave the user's own id only; ranges that contradict themselves are an
// error, since whoever wrote them meant something else.
func planMaps(f Facts) (mapPlan, error) {
	plan := mapPlan{
		uid: []IDMapping{{0, uint32(f.UID), 1}},
		gid: []IDMapping{{0, uint32(f.GID), 1}},
	}
	for _, tool := range []string{"newuidmap", "newgidmap"} {
		if _, err := f.Tool(tool); err != nil {
			plan.single = f.singleWarning(f.checkMapTool(tool))
			return plan, nil
		}
	}
	uid, err := f.plannedMap(subUID)
	gid, err2 := f.plannedMap(subGID)
	for _, e := range []struct {
		err  error
		file subFile
	}{{err, subUID}, {err2, subGID}} {
		switch finding := f.checkRanges(e.file); {
		case errors.Is(e.err, errNoRange):
			plan.single = f.singleWarning(finding)
			return plan, nil
		case e.err != nil:
			return plan, hint.Wrap(fmt.Errorf("map ids by %s: %w", e.file.path(), e.err), finding.Fix)
		}
	}
	plan.uid, plan.gid = uid, gid
	return plan, nil
}

func (f Facts) singleWarning(why Finding) string {
	return fmt.Sprintf("only user id %d exists in containers, so that most images cannot be used: %s (fix: %s)", f.UID, why.Text, why.Fix)
}

// plannedMap is the map that the ranges in file allow.
func (f Facts) plannedMap(file subFile) ([]IDMapping, error) {
	all, err := readSubRanges(f.path(file.path()))
	if err != nil {
		return nil, err
	}
	id := uint32(f.UID)
	if file == subGID {
		id = uint32(f.GID)
	}
	return mapRanges(id, ownRanges(all, f.subordinateNames()))
}

// apply writes the maps of the process that waits for them.
func (p mapPlan) apply(ctx context.Context, f Facts, pid int) error {
	if p.single != "" {
		return p.applySingle(pid)
	}
	for _, m := range []struct {
		tool string
		maps []IDMapping
	}{{"newuidmap", p.uid}, {"newgidmap", p.gid}} {
		if err := f.runMapTool(ctx, m.tool, pid, m.maps); err != nil {
			return err
		}
	}
	return nil
}

// applySingle maps one id without privileges, for which the kernel wants setgroups(2) given up (user_namespaces(7)).
func (p mapPlan) applySingle(pid int) error {
	for _, w := range [][2]string{
		{"setgroups", "deny"},
		{"gid_map", strings.Join(mapArgs(p.gid), " ")},
		{"uid_map", strings.Join(mapArgs(p.uid), " ")},
	} {
		path := fmt.Sprintf("/proc/%d/%s", pid, w[0])
		if err := os.WriteFile(path, []byte(w[1]), 0); err != nil {
			return fmt.Errorf("map the user's own id: %w", err)
		}
	}
	return nil
}

func (f Facts) runMapTool(ctx context.Context, name string, pid int, maps []IDMapping) error {
	tool, err := f.Tool(name)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, tool.Path, append([]string{strconv.Itoa(pid)}, mapArgs(maps)...)...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("map ids by %q: %w: %s", strings.Join(cmd.Args, " "), err, strings.TrimSpace(string(out)))
	finding := f.checkMapTool(name)
	if finding.Status == OK {
		finding = f.checkRanges(map[string]subFile{"newuidmap": subUID, "newgidmap": subGID}[name])
	}
	if finding.Status == OK {
		finding = f.checkNewPrivileges()
	}
	if finding.Status == OK {
		return err
	}
	return hint.Wrap(err, finding.Fix)
}
