package image

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
)

// patience is how long a change of the store takes before it is asked whether it waits for a process that is stopped.
const patience = 5 * time.Second

// tellOfStopped says, unless done is called in time, for which stopped process a change of the store waits. The library's locks have no deadline, and nobody can
// be called back from a wait for them.
func (s *Store) tellOfStopped() (done func()) {
	if s.opts.Warn == nil {
		return func() {}
	}
	after := failpoint.Patience(patience)
	var timer *time.Timer
	timer = time.AfterFunc(after, func() {
		pid := filelock.Stopped(s.locks())
		if pid == 0 {
			timer.Reset(after)
			return
		}
		if s.told.Swap(int64(pid)) != int64(pid) {
			s.opts.Warn(fmt.Sprintf("the image store is locked by process %d, which is stopped and waited for: kill -CONT %[1]d (%[2]s)", pid, commandLine(pid)))
		}
	})
	return func() { timer.Stop() }
}

// locks are the lock files that changes of the store wait for.
func (s *Store) locks() []string {
	files := []string{filepath.Join(s.GraphRoot(), "storage.lock"), filepath.Join(s.GraphRoot(), "userns.lock"), filepath.Join(s.pinDir(), pinLock)}
	for _, pattern := range []string{
		filepath.Join(s.roots[0], "*-images", "images.lock"), filepath.Join(s.roots[0], "*-layers", "layers.lock"),
		filepath.Join(s.GraphRoot(), "*-containers", "containers.lock"), filepath.Join(s.GraphRoot(), "pod-layers", "*"),
		filepath.Join(s.RunRoot(), "*-layers", "mountpoints.lock"),
	} {
		found, _ := filepath.Glob(pattern) // the pattern is good
		files = append(files, found...)
	}
	return files
}

func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.TrimSpace(strings.ReplaceAll(string(text), "\x00", " "))
}
