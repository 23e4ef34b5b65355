package engine

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/pkg/container"
)

// A creation whose command died before there was a lock is finished at once, also one whose removal died after the lock had gone.
func TestSweepOfCreationsWithoutLock(t *testing.T) {
	e := testEngine(t)
	empty, half := newID(), newID()
	for _, dir := range []string{e.creatingDir(empty), filepath.Join(e.creatingDir(half), "rootfs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	e.sweepCreating(t.Context(), empty)
	e.sweepCreating(t.Context(), half)
	for _, dir := range []string{dirCreating, dirRemoving} {
		if left := listIDs(filepath.Join(e.DataDir, dir)); len(left) > 0 {
			t.Errorf("left in %s: %q", dir, left)
		}
	}
}

// Sweeps take no directory from a creation that has locked it, however close they come.
func TestCreationsAmongSweeps(t *testing.T) {
	e := testEngine(t)
	var creations, sweeps sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		sweeps.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for _, id := range listIDs(filepath.Join(e.DataDir, dirCreating)) {
					e.sweepCreating(t.Context(), id)
				}
			}
		})
	}
	for range 8 {
		creations.Go(func() {
			for range 100 {
				var cfg container.Config
				lock, err := e.beginCreation(t.Context(), &cfg)
				if err != nil {
					t.Error(err)
					return
				}
				dir := e.creatingDir(cfg.ID)
				if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o700); err != nil {
					t.Error(err)
				}
				if _, err := filelock.Try(filepath.Join(dir, "lock")); !errors.Is(err, filelock.ErrHeld) {
					t.Errorf("the lock of a creation: %v", err)
				}
				if err := takeBackCreation(dir); err != nil {
					t.Error(err)
				}
				lock.Release()
			}
		})
	}
	creations.Wait()
	close(done)
	sweeps.Wait()
}
