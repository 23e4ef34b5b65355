//go:build !failpoint

package failpoint

import "testing"

func TestAnOrdinaryBuildObeysNothing(t *testing.T) {
	t.Setenv("POD_FAILPOINT", "a.b=error,c.d=kill")
	for _, name := range []string{"a.b", "c.d"} {
		if err := Hit(name); err != nil {
			t.Errorf("Hit(%q): %v", name, err)
		}
	}
}
