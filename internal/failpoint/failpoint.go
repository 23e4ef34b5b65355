//go:build !failpoint

// Package failpoint names every state transition, so that tests can make a process fail or die there.
// In an ordinary build Hit does nothing; with the build tag "failpoint" it obeys POD_FAILPOINT.
package failpoint

import "time"

// Hit marks the transition called name, "verb.step" in lower case: "create.named". In an ordinary build it
// returns nil; callers return its error as if the step itself had failed.
func Hit(name string) error { return nil }

// Patience is how long to wait for another process: usual. Only the test build can be told otherwise.
func Patience(usual time.Duration) time.Duration { return usual }
