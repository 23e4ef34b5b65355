//go:build failpoint

package rootless

import (
	"strings"
	"testing"
)

// A command that dies while it makes the holder leaves nothing that hinders the next one, and no holder without a record.
func TestKilledWhileMakingTheHolder(t *testing.T) {
	for _, point := range []string{"enter.locked", "enter.spawned", "enter.mapped", "enter.recorded"} {
		t.Run(point, func(t *testing.T) {
			u := newUser(t)
			before := len(holders(t))
			if out, err := u.command("POD_FAILPOINT=" + point + "=kill").Output(); err == nil {
				t.Fatalf("the command was not killed: %s", out)
			}
			eventually(t, "the unfinished holder has ended", func() bool { return len(holders(t)) == before })
			u.enter()
			if n := len(holders(t)) - before; n != 1 {
				t.Errorf("%d holders", n)
			}
		})
	}
}

func TestErrorWhileMakingTheHolder(t *testing.T) {
	for _, point := range []string{"enter.locked", "enter.spawned", "enter.mapped", "enter.recorded"} {
		t.Run(point, func(t *testing.T) {
			u := newUser(t)
			before := len(holders(t))
			if r := run(t, u.command("POD_FAILPOINT="+point+"=error")); !strings.Contains(r.Err, point) {
				t.Errorf("got error %q", r.Err)
			}
			eventually(t, "the unfinished holder has ended", func() bool { return len(holders(t)) == before })
			u.enter()
		})
	}
}
