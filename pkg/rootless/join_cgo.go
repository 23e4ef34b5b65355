//go:build cgo

package rootless

// #include "constructor.h"
import "C"

import "golang.org/x/sys/unix"

// hasConstructor says that this program can join, hold and probe.
const hasConstructor = true

// constructed is what the C constructor did before the Go runtime started.
func constructed() joinResult {
	r := &C.pod_join_result
	return joinResult{
		step:     joinStep(r.step),
		err:      unix.Errno(r.error),
		uid:      uint32(r.uid),
		gid:      uint32(r.gid),
		holder:   int(r.holder),
		cwdError: unix.Errno(r.cwd_error),
		cwdGone:  r.cwd_gone != 0,
		cwd:      C.GoString(&r.cwd[0]),
	}
}
