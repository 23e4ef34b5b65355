package spelling

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	verbs := []string{"rm", "run", "ps", "pause", "pull", "push", "start", "stop"}
	for word, want := range map[string]string{
		"rnu":                    "run",
		"run":                    "run",
		"RUN":                    "run",
		"psu":                    "ps",
		"strat":                  "start",
		"pul":                    "pull",
		"stoop":                  "stop",
		"pauze":                  "pause",
		"compose":                "",
		"x":                      "",
		"":                       "",
		strings.Repeat("s", 300): "",
	} {
		if got := Nearest(word, verbs); got != want {
			t.Errorf("Nearest(%.10q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "axc", 1},
		{"abc", "acb", 1},
		{"abc", "bc", 1},
		{"kitten", "sitting", 3},
		{"ab", "ba", 1},
		{"abcd", "badc", 2},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}
