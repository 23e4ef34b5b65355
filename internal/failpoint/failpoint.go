//go:build !failpoint

// Package failpoint names every state transition, so that tests can make a process fail or die there.
// In an ordinary build Hit does nothing; with the build tag "failpoint" it obeys POD_FAILPOINT.
package failpoint

// Hit marks the transition called name, "verb.step" in lower case: "create.named". In an ordinary build it
// returns nil; callers return its error as if the step itself had failed.
func Hit(name string) error { return nil }
