package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// facts [-all] FILE: compare the JSON object of strings that the last command printed (by the probe image) with a table of
//
//	KEY = VALUE    exactly
//	KEY != VALUE   anything else
//	KEY ~ REGEXP   all of it matches
//
// KEY may hold one * that stands for any text; it then means every such key, of which there must be one. Variables of the script are expanded in VALUE;
// HOST_NS_name is a namespace of the host. With -all, every key has to be in the table.
func facts(ts *testscript.TestScript, neg bool, args []string) {
	all := len(args) > 0 && args[0] == "-all"
	if all {
		args = args[1:]
	}
	plain(ts, "facts", neg, len(args) == 1)
	got := make(map[string]string)
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &got); err != nil {
		ts.Fatalf("the last command printed no JSON object of strings: %v", err)
	}
	expand := func(key string) string {
		if ns, ok := strings.CutPrefix(key, "HOST_NS_"); ok {
			link, err := os.Readlink("/proc/self/ns/" + ns)
			ts.Check(err)
			return link
		}
		return ts.Getenv(key)
	}
	if wrong := compareFacts(ts.ReadFile(args[0]), got, all, expand); len(wrong) > 0 {
		ts.Fatalf("%d facts differ:\n  %s", len(wrong), strings.Join(wrong, "\n  "))
	}
}

func compareFacts(table string, got map[string]string, all bool, expand func(string) string) []string {
	var wrong []string
	known := make(map[string]bool)
	for _, line := range strings.Split(table, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.SplitN(line, " ", 3)
		if len(f) < 2 {
			wrong = append(wrong, "not KEY OP VALUE: "+line)
			continue
		}
		want := ""
		if len(f) == 3 {
			want = strings.TrimSpace(f[2])
		}
		if f[1] != "~" { // $ is part of a regular expression
			want = os.Expand(want, expand)
		}
		found := false
		for _, key := range slices.Sorted(maps.Keys(got)) {
			if !stands(f[0], key) {
				continue
			}
			found, known[key] = true, true
			if !holds(got[key], f[1], want) {
				wrong = append(wrong, fmt.Sprintf("%s is %q, want %s %q", key, got[key], f[1], want))
			}
		}
		if !found {
			wrong = append(wrong, f[0]+" was not reported")
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if all && !known[key] {
			wrong = append(wrong, fmt.Sprintf("%s is %q, which the table does not know", key, got[key]))
		}
	}
	return wrong
}

// stands reports whether key is what pattern stands for.
func stands(pattern, key string) bool {
	before, after, star := strings.Cut(pattern, "*")
	return key == pattern ||
		star && len(key) >= len(before)+len(after) && strings.HasPrefix(key, before) && strings.HasSuffix(key, after)
}

func holds(got, operator, want string) bool {
	switch operator {
	case "=":
		return got == want
	case "!=":
		return got != want
	case "~":
		re, err := regexp.Compile("^(?:" + want + ")$")
		return err == nil && re.MatchString(got)
	}
	return false
}

func TestCompareFactsFindsEveryDifference(t *testing.T) {
	got := map[string]string{"a": "1", "mask.x": "empty", "mask./y": "open"}
	expand := func(key string) string { return map[string]string{"ONE": "1"}[key] }
	for _, tc := range []struct {
		table string
		all   bool
		wrong int
	}{
		{"a = 1\nmask.* ~ empty|open", true, 0},
		{"a = $ONE", false, 0},
		{"a = $ONE", true, 2},
		{"a != 1", false, 1},
		{"mask.* = empty", false, 1},
		{"mask.* ~ e.*", false, 1},
		{"b = 1", false, 1},
		{"a", false, 1},
		{"a ~ [", false, 1},
		{"a <> 1", false, 1},
	} {
		if wrong := compareFacts(tc.table, got, tc.all, expand); len(wrong) != tc.wrong {
			t.Errorf("%q: %d differences %q, want %d", tc.table, len(wrong), wrong, tc.wrong)
		}
	}
}
