package files

import "testing"

func TestPivot(t *testing.T) {
	for word, want := range map[string][2]string{
		"a/b/c": {"", "a/b/c"}, "./a/b": {"", "a/b"}, "/./a": {"", "a"}, "a/./b/c": {"a", "b/c"}, "/a/b/./c": {"/a/b", "c"}, "a/*/./c": {"a/*", "c"},
		"a//b/../c/./d": {"a//b/../c", "d"}, "a/./b/./c": {"a", "b/c"}, "**/go.mod": {"", "**/go.mod"}, ".": {"", ""}, "a/./": {"a", ""}, "a/": {"", "a"},
	} {
		if base, pattern := pivot(word); base != want[0] || pattern != want[1] {
			t.Errorf("pivot(%q) = %q, %q, want %q", word, base, pattern, want)
		}
	}
}

func TestLeads(t *testing.T) {
	for _, c := range []struct {
		pattern, rel string
		want         bool
	}{
		{"", "a", true},
		{"a/b", "a", true},
		{"a/b", "a/b", true},
		{"a/b", "a/b/c", true},
		{"a/b", "b", false},
		{"a/b", "a/c", false},
		{"a/b", "ab", false},
		{"a/*/c", "a", true},
		{"a/*/c", "a/x/y", true},
		{"a/*/c", "b", false},
		{"**/c", "x/y", true},
		{`a\b`, "x", true},
	} {
		if got := leads(c.pattern, c.rel); got != c.want {
			t.Errorf("leads(%q, %q) = %v", c.pattern, c.rel, got)
		}
	}
}
