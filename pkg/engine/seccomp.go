package engine

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/pkg/oci"
)

// Compiling a seccomp profile takes crun about 20 ms, more than all else it does, and the result is always the same. crun leaves
// it beside its state of the container and takes it back from an annotation, so it is kept: by a digest of the profile
// and of the runtime's own file, in the run directory, which only this user can write.

// filterPath is where the compiled form of the specification's profile is kept; "" when this runtime cannot make use of
// it.
func (e *Engine) filterPath(spec *specs.Spec) (string, error) {
	if e.Runtime.Name() != "crun" || spec.Linux.Seccomp == nil {
		return "", nil
	}
	program, err := os.Stat(e.Runtime.Path)
	if err != nil {
		return "", err
	}
	profile, err := json.Marshal(spec.Linux.Seccomp)
	if err != nil {
		return "", err
	}
	digest := sha256.New()
	fmt.Fprintf(digest, "%s %d %d\n", e.Runtime.Path, program.Size(), program.ModTime().UnixNano())
	digest.Write(profile)
	return filepath.Join(e.RunDir, "cache", "seccomp-"+hex.EncodeToString(digest.Sum(nil)[:16])), nil
}

// useFilter hands a kept filter to the runtime.
func useFilter(spec *specs.Spec, path string) {
	if path == "" {
		return
	}
	filter, err := readFile(path)
	// Whole instructions of eight bytes; anything else is no filter.
	if err != nil || len(filter) == 0 || len(filter)%8 != 0 {
		return
	}
	oci.SetCompiledSeccomp(spec, base64.StdEncoding.EncodeToString(filter))
}

// keepFilter keeps what the runtime, whose state is in the directory root, compiled for a container. It is an economy only: no error is worth a word.
func (e *Engine) keepFilter(root, id, path string) {
	if path == "" || exists(path) {
		return
	}
	filter, err := readFile(filepath.Join(root, id, "seccomp.bpf"))
	if err != nil || len(filter) == 0 || len(filter)%8 != 0 {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return
	}
	if err := atomicfile.WriteVolatile(path, filter); err != nil {
		e.Log.Debug("compiled seccomp profile not kept", "error", err)
	}
}

// watchFilter keeps the compiled profile of a step, whose state goes with it, while it runs. The runtime writes the status after the
// profile.
func (e *Engine) watchFilter(b *bundle) (stop func()) {
	if b.filter == "" || exists(b.filter) {
		return func() {}
	}
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			if root := b.path("runtime"); exists(filepath.Join(root, b.cfg.ID, "status")) {
				e.keepFilter(root, b.cfg.ID, b.filter)
				return
			}
			select {
			case <-ended:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}
