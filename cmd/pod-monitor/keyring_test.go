package main

import "testing"

func TestKeysUsedUp(t *testing.T) {
	const others = "    0:     9 8/8 3/1000000 48/25000000\n"
	for _, tt := range []struct {
		name, users string
		want        bool
	}{
		{"nobody has any", others, false},
		{"some are left", others + " 1001:   199 199/199 199/200 12000/20000\n", false},
		{"none is left", others + " 1001:   200 200/200 200/200 12898/20000\n", true},
		{"no bytes are left", others + " 1001:   300 300/300 300/2000 19900/20000\n", true},
		{"another format", " 1001: many\n 1001: 1 1/1 x/y a/b\n", false},
	} {
		if got := keysUsedUp(tt.users, 1001); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
