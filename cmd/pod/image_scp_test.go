package main

import "testing"

func TestParseScpEnd(t *testing.T) {
	for s, want := range map[string]scpEnd{
		"app": {"", "app"}, "quay.io:443/a:1": {"", "quay.io:443/a:1"}, "h::": {"h", ""}, "jo@h::a:1": {"jo@h", "a:1"}, "": {},
	} {
		if got, err := parseScpEnd(s); err != nil || got != want {
			t.Errorf("%q is %+v, %v", s, got, err)
		}
	}
	for _, s := range []string{"::a", "-o::a", "a b::c"} {
		if got, err := parseScpEnd(s); err == nil {
			t.Errorf("%q is %+v, want an error", s, got)
		}
	}
	if got := quote(`a'b $c`); got != `'a'\''b $c'` {
		t.Errorf("quoted it is %s", got)
	}
}
