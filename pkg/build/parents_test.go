package build

import "testing"

func TestPivot(t *testing.T) {
	for word, want := range map[string]int{
		"a/b/c": 0, "./a/b": 0, "/./a": 0, "a/./b/c": 1, "/a/b/./c": 2, "a/*/./c": 2, "a//b/../c/./d": 2, "a/./b/./c": 1,
	} {
		if got := pivot(word); got != want {
			t.Errorf("pivot(%q) = %d, want %d", word, got, want)
		}
	}
}
