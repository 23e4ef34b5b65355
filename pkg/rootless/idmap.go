package rootless

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
)

// maxMapLines is what the kernel accepts in one uid_map (user_namespaces(7)).
const maxMapLines = 340

// errNoRange says that a user owns no subordinate ids.
var errNoRange = errors.New("no subordinate ids")

// subRange is one line of subuid(5): Count ids from Start belong to Owner, a name or a decimal uid.
type subRange struct {
	Owner        string
	Start, Count uint32
}

func (r subRange) end() uint64 { return uint64(r.Start) + uint64(r.Count) }

func (r subRange) overlaps(o subRange) bool {
	return uint64(r.Start) < o.end() && uint64(o.Start) < r.end()
}

// parseSubRanges reads subuid(5) text. Lines it cannot read, empty ranges, and ranges that reach beyond the last id are left out,
// as newuidmap(1) does not honour them either.
func parseSubRanges(text string) []subRange {
	var ranges []subRange
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSpace(line), ":")
		if len(f) != 3 || f[0] == "" || strings.HasPrefix(f[0], "#") {
			continue
		}
		start, err := strconv.ParseUint(f[1], 10, 32)
		count, err2 := strconv.ParseUint(f[2], 10, 32)
		r := subRange{f[0], uint32(start), uint32(count)}
		// The last id, 2^32-1, means "none" to the kernel.
		if err != nil || err2 != nil || count == 0 || r.end() > 1<<32-1 {
			continue
		}
		ranges = append(ranges, r)
	}
	return ranges
}

// readSubRanges reads a file in the format of subuid(5); a missing file has no ranges.
func readSubRanges(path string) ([]subRange, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseSubRanges(string(b)), nil
}

// ownRanges are those of any of the names, each once: that the same range is listed by name and by number is common.
func ownRanges(all []subRange, names []string) []subRange {
	var own []subRange
	for _, r := range all {
		known := func(o subRange) bool { return o.Start == r.Start && o.Count == r.Count }
		if slices.Contains(names, r.Owner) && !slices.ContainsFunc(own, known) {
			own = append(own, r)
		}
	}
	return own
}

// mapRanges maps id to 0 inside and own ranges, in their order, to the ids from 1. Ranges that would map an id twice, or
// id itself, or the real root, are refused: containers are not worth either.
func mapRanges(id uint32, own []subRange) ([]IDMapping, error) {
	if len(own) == 0 {
		return nil, errNoRange
	}
	if len(own) >= maxMapLines {
		return nil, fmt.Errorf("%d ranges; the kernel takes %d", len(own), maxMapLines-1)
	}
	maps := []IDMapping{{0, id, 1}}
	next := uint64(1)
	for i, r := range own {
		switch self := (subRange{Start: id, Count: 1}); {
		case r.Start == 0:
			return nil, fmt.Errorf("range %d:%d contains id 0, root of this system", r.Start, r.Count)
		case r.overlaps(self):
			return nil, fmt.Errorf("range %d:%d contains the user's own id %d", r.Start, r.Count, id)
		}
		for _, o := range own[:i] {
			if r.overlaps(o) {
				return nil, fmt.Errorf("ranges %d:%d and %d:%d overlap", o.Start, o.Count, r.Start, r.Count)
			}
		}
		maps = append(maps, IDMapping{uint32(next), r.Start, r.Count})
		next += uint64(r.Count)
	}
	return maps, nil
}

// mapArgs are the arguments of newuidmap(1) after the pid.
func mapArgs(maps []IDMapping) []string {
	args := make([]string, 0, 3*len(maps))
	for _, m := range maps {
		for _, n := range []uint32{m.ContainerID, m.HostID, m.Size} {
			args = append(args, strconv.FormatUint(uint64(n), 10))
		}
	}
	return args
}

func readIDMap(path string) ([]IDMapping, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	maps, err := parseIDMap(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return maps, nil
}

// parseIDMap reads the text of /proc/PID/uid_map.
func parseIDMap(text string) ([]IDMapping, error) {
	var maps []IDMapping
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("%q is not a map of ids", strings.TrimSpace(line))
		}
		var n [3]uint32
		for i := range f {
			v, err := strconv.ParseUint(f[i], 10, 32)
			if err != nil {
				return nil, fmt.Errorf("%q is not a map of ids", strings.TrimSpace(line))
			}
			n[i] = uint32(v)
		}
		maps = append(maps, IDMapping{n[0], n[1], n[2]})
	}
	return maps, nil
}

// hostID is the id outside of an id inside.
func hostID(maps []IDMapping, id uint32) (uint32, bool) {
	for _, m := range maps {
		if id >= m.ContainerID && uint64(id) < uint64(m.ContainerID)+uint64(m.Size) {
			return m.HostID + (id - m.ContainerID), true
		}
	}
	return 0, false
}
