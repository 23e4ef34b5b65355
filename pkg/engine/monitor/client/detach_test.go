package client

import "testing"

func TestDetachKeys(t *testing.T) {
	for _, test := range []struct {
		name, keys string
		input      []string
		want       string
		detached   bool
	}{
		{"none", "", []string{"a\x10\x11"}, "a\x10\x11", false},
		{"at once", "\x10\x11", []string{"a\x10\x11b"}, "a", true},
		{"in pieces", "\x10\x11", []string{"a\x10", "\x11"}, "a", true},
		{"broken", "\x10\x11", []string{"\x10", "a"}, "\x10a", false},
		{"begins again", "\x10\x11", []string{"\x10\x10", "\x11"}, "\x10", true},
		{"overlap", "aab", []string{"aa", "ab"}, "a", true},
		{"overlap of two", "abac", []string{"ababac"}, "ab", true},
		{"end of input", "\x10\x11", []string{"x\x10"}, "x\x10", false},
		{"one key", "q", []string{"ab", "q"}, "ab", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := &detachKeys{sequence: []byte(test.keys)}
			var got []byte
			detached := false
			for _, piece := range test.input {
				var pass []byte
				pass, detached = d.filter([]byte(piece))
				got = append(got, pass...)
			}
			if !detached {
				got = append(got, d.flush()...)
			}
			if string(got) != test.want || detached != test.detached {
				t.Errorf("got %q, %v", got, detached)
			}
		})
	}
}
