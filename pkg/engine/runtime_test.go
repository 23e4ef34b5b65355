package engine

import (
	"errors"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/hint"
)

func TestOnlyCrunMindsTwoVersionsOfCgroups(t *testing.T) {
	tests := []struct {
		runtime string
		mixed   bool
		kind    StartErrorKind
		want    bool
	}{
		{"/usr/bin/crun", true, StartRuntime, true},
		{"/usr/bin/crun", true, StartNotFound, false},
		{"/usr/bin/crun", false, StartRuntime, false},
		{"/usr/sbin/runc", true, StartRuntime, false},
	}
	for _, tt := range tests {
		e := &Engine{Options: Options{Runtime: Runtime{Path: tt.runtime}, Cgroup: cgroup.Setup{Mixed: tt.mixed}}}
		err := e.explainStart(&StartError{tt.kind, "start container"})
		var start *StartError
		if !errors.As(err, &start) || start.Kind != tt.kind {
			t.Errorf("%+v: the kind was lost: %v", tt, err)
		}
		if got := strings.Contains(hint.Of(err), "apt install runc"); got != tt.want {
			t.Errorf("%+v: hint %q", tt, hint.Of(err))
		}
	}
}

func TestLastComplaint(t *testing.T) {
	for log, want := range map[string]string{
		"": "", "no time\n": "no time", "2026-11-28T23:48:30Z first\n2026-11-28T23:48:31Z it cannot be mounted\n": "it cannot be mounted", "2026 it was\n": "2026 it was",
		"2026-11-28T23:48:30Z first\nfatal error: out of memory\n\ngoroutine 1 [running]:\nmain.main()\n\tmain.go:34 +0xdc\n": "fatal error: out of memory",
	} {
		if got := lastComplaint([]byte(log)); got != want {
			t.Errorf("%q: %q, want %q", log, got, want)
		}
	}
}
