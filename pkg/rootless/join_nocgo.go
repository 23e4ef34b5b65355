//go:build !cgo

package rootless

// hasConstructor says that this program can join, hold and probe: without C there is nothing that runs
// before the Go runtime has made threads, and a process with threads cannot change its user namespace.
const hasConstructor = false

func constructed() joinResult { return joinResult{} }
