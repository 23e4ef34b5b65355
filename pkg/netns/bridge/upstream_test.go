package bridge

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The machine's resolv.conf is followed: rewritten in place, and replaced by rename as network managers do.
func TestUpstreamFollows(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	u := newUpstream(path)
	if got := u.nameservers(); len(got) != 0 {
		t.Errorf("without a file: %v", got)
	}
	expect := func(want string) {
		t.Helper()
		deadline := time.Now().Add(5 * time.Second)
		for {
			got := fmt.Sprint(u.nameservers())
			if got == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("nameservers %s, want %s", got, want)
			}
			time.Sleep(lookEvery / 4)
		}
	}
	write := func(path, text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, "nameserver 192.0.2.1\nsearch Corp.Example.\n")
	expect("[192.0.2.1]")
	for in, want := range map[string]string{"web.corp.example": "web", "web.corp": "web.corp", "corp.example": "corp.example"} {
		if got := u.withoutSearch(in, nil); got != want {
			t.Errorf("%s without the machine's search domain: %s, want %s", in, got, want)
		}
	}
	if got := u.withoutSearch("web.lan", []string{"lan"}); got != "web" {
		t.Errorf("without the container's search domain: %s", got)
	}
	write(path, "nameserver 127.0.0.53\nnameserver fe80::1%eth0\n")
	expect("[127.0.0.53 fe80::1%eth0]")
	write(path+".new", "nameserver 192.0.2.2\n")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	expect("[192.0.2.2]")
}
