package rootless

import (
	"reflect"
	"strings"
	"testing"
)

func TestParseSubRanges(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want []subRange
	}{
		"empty":             {"", nil},
		"one":               {"ann:100000:65536\n", []subRange{{"ann", 100000, 65536}}},
		"no final line end": {"ann:1:2", []subRange{{"ann", 1, 2}}},
		"by number":         {"1001:100000:10\n", []subRange{{"1001", 100000, 10}}},
		"comment and blank": {"# ann:1:1\n\nbob:5:5\n", []subRange{{"bob", 5, 5}}},
		"malformed":         {"ann\nann:x:1\nann:1:-1\nann:1:1:1\n:1:1\n", nil},
		"empty range":       {"ann:5:0\n", nil},
		"up to the last id": {"ann:4294967294:1\n", []subRange{{"ann", 4294967294, 1}}},
		"beyond":            {"ann:4294967295:1\nann:4294967290:100\nann:4294967296:1\n", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseSubRanges(tt.text); !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestMapRanges(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want string // as newuidmap's arguments
		err  string
	}{
		"none":                  {"bob:100000:65536\n", "", "no subordinate ids"},
		"by name":               {"ann:100000:65536\n", "0 1001 1 1 100000 65536", ""},
		"by number":             {"1001:100000:65536\n", "0 1001 1 1 100000 65536", ""},
		"several":               {"ann:200000:10\nbob:1:5\nann:100000:5\n", "0 1001 1 1 200000 10 11 100000 5", ""},
		"same by name and uid":  {"ann:100000:10\n1001:100000:10\n", "0 1001 1 1 100000 10", ""},
		"overlap":               {"ann:100000:10\nann:100009:10\n", "", "overlap"},
		"neighbours":            {"ann:100000:10\nann:100010:10\n", "0 1001 1 1 100000 10 11 100010 10", ""},
		"contains own id":       {"ann:1000:10\n", "", "own id 1001"},
		"starts at own id":      {"ann:1001:1\n", "", "own id 1001"},
		"contains root":         {"ann:0:10\n", "", "id 0"},
		"only another's prefix": {"anna:100000:10\n", "", "no subordinate ids"},
		"too many":              {strings.Join(manyRanges(340), ""), "", "340 ranges"},
	} {
		t.Run(name, func(t *testing.T) {
			maps, err := mapRanges(1001, ownRanges(parseSubRanges(tt.text), []string{"1001", "ann"}))
			if got := mapText(maps); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got error %v, want %q", err, tt.err)
			}
		})
	}
}

func manyRanges(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		lines[i] = "ann:" + mapText([]IDMapping{{uint32(100000 + 10*i), 5, 0}})[:6] + ":5\n"
	}
	return lines
}

func TestParseIDMap(t *testing.T) {
	got, err := parseIDMap("         0       1001          1\n         1     100000      65536\n")
	want := []IDMapping{{0, 1001, 1}, {1, 100000, 65536}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %v, %v; want %v", got, err, want)
	}
	whole, err := parseIDMap("         0          0 4294967295\n")
	if err != nil || !isWholeMap(whole) || isWholeMap(want) {
		t.Errorf("the initial namespace's map is not recognised: %v, %v", whole, err)
	}
	for _, bad := range []string{"0 1\n", "0 1 x\n", "0 1 4294967296\n"} {
		if m, err := parseIDMap(bad); err == nil {
			t.Errorf("%q was read as %v", bad, m)
		}
	}
}

func TestHostID(t *testing.T) {
	maps := []IDMapping{{0, 1001, 1}, {1, 100000, 10}, {4294967290, 5, 5}}
	for id, want := range map[uint32]uint32{0: 1001, 1: 100000, 10: 100009, 4294967294: 9} {
		if got, ok := hostID(maps, id); !ok || got != want {
			t.Errorf("id %d: got %d, %v; want %d", id, got, ok, want)
		}
	}
	if got, ok := hostID(maps, 11); ok {
		t.Errorf("id 11 is not mapped, got %d", got)
	}
}

// What is accepted never maps an id twice, nor the user's own, nor root.
func FuzzMapRanges(f *testing.F) {
	f.Add("ann:100000:65536\n")
	f.Add("ann:4294967294:1\nann:1:1000\n")
	f.Add("ann:1:4294967294\n1001:5:5")
	f.Fuzz(func(t *testing.T, text string) {
		maps, err := mapRanges(1001, ownRanges(parseSubRanges(text), []string{"1001", "ann"}))
		if err != nil {
			return
		}
		if size(maps) > 1<<32-1 {
			t.Errorf("%d ids in %v", size(maps), maps)
		}
		for i, m := range maps {
			if m.Size == 0 || m.HostID == 0 {
				t.Errorf("bad line %v", m)
			}
			for _, o := range maps[:i] {
				if uint64(m.HostID) < uint64(o.HostID)+uint64(o.Size) && uint64(o.HostID) < uint64(m.HostID)+uint64(m.Size) {
					t.Errorf("%v and %v overlap", o, m)
				}
			}
		}
	})
}
