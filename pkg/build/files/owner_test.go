package files

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// TestOwners has the forms of --chown, and what BuildKit makes of them (client/llb WithUser, solver/llbsolver/ops readUser).
func TestOwners(t *testing.T) {
	with, without := t.TempDir(), t.TempDir()
	if err := os.Mkdir(filepath.Join(with, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"passwd": "root:x:7:7::/:\napp:x:1000:1001::/:\n2000:x:5:6::/:\nthree:x:1003:0::/:\n",
		"group":  "root:x:7:\nstaff:x:50:app\n3000:x:8:\n",
	} {
		if err := os.WriteFile(filepath.Join(with, "etc", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		text          string
		with, without string // the owner where there are accounts and where there are none; "-": an error
	}{
		{"app", "1000:1001", "-"},
		{"app:", "1000:1001", "-"},
		{"app:staff", "1000:50", "-"},
		{"app:4", "1000:4", "-"},
		{"three", "1003:0", "-"},
		{"1000", "1000:1000", "1000:1000"}, // not the group of its entry
		{"1000:", "1000:1000", "1000:1000"},
		{"1000:staff", "1000:50", "-"},
		{"1000:4", "1000:4", "1000:4"},
		{"2000", "2000:2000", "2000:2000"}, // digits are no name
		{"app:3000", "1000:3000", "-"},
		{"0", "0:0", "0:0"},
		{"00012", "12:12", "12:12"},
		{"root", "0:0", "0:0"}, // whatever the files say
		{"root:root", "0:0", "0:0"},
		{"root:staff", "0:50", "-"},
		{"app:root", "1000:0", "-"},
		{":staff", "0:50", "-"},
		{":4", "0:4", "0:4"},
		{":root", "0:0", "0:0"},
		{":", "0:0", "0:0"},
		{"nobody", "-", "-"},
		{"app:nogroup", "-", "-"},
		{"-1", "-", "-"},
		{"0x10", "-", "-"},
		{"4294967296", "-", "-"},
		{"1:2:3", "-", "-"},
		{"a b", "-", "-"},
	} {
		for dir, want := range map[string]string{with: tt.with, without: tt.without} {
			o, err := LookupOwner(openTop(t, dir), tt.text)
			got := "-"
			if err == nil {
				got = fmt.Sprintf("%d:%d", o.UID, o.GID)
			}
			if got != want {
				t.Errorf("--chown=%s with accounts %v is %s (%v), want %s", tt.text, dir == with, got, err, want)
			}
		}
	}
}
