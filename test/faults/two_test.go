package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
)

// TestCommandAndMonitorDieTogether kills both at the same moment, some time after the command began: whatever the two are
// doing then. The steps of the other tests kill one, and the other cleans up.
func TestCommandAndMonitorDieTogether(t *testing.T) {
	b := newBench(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	cases := 0
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); cases++ {
		all := verbs()
		v := all[random.IntN(len(all))]
		after := time.Duration(random.Int64N(int64(80 * time.Millisecond)))
		if err := b.bothDie(v, after); err != nil {
			t.Errorf("%s, killed with its monitor after %s: %v", v.name, after, err)
			b.end()
			b = newBench(t)
		}
	}
	t.Logf("%d cases", cases)
}

func (b *bench) bothDie(v verb, after time.Duration) error {
	if err := b.prepare(v, nil); err != nil {
		return fmt.Errorf("preparation: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), commandTimeout)
	defer cancel()
	cmd := b.world.Command(ctx, v.args...)
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return err
	}
	killed := make(chan struct{})
	timer := time.AfterFunc(after, func() {
		defer close(killed)
		cmd.Process.Kill()
		for _, pid := range b.monitors() {
			syscall.Kill(pid, syscall.SIGKILL)
		}
	})
	cmd.Wait()
	if !timer.Stop() {
		<-killed // else it would kill what follows
	}
	if ctx.Err() != nil {
		return errHangs
	}
	return errors.Join(b.othersWork(), b.wholeOrAbsent(), b.removable())
}

// monitors are the pids of all monitors; a lock file says one also some time after its end.
func (b *bench) monitors() (pids []int) {
	locks, _ := filepath.Glob(filepath.Join(b.world.RunDir(), "pod", "containers", "*", "lock"))
	for _, lock := range locks {
		if pid, err := podtest.FirstNumber(lock); err == nil && strings.HasPrefix(podtest.CommandLine(pid), "pod-monitor ") {
			pids = append(pids, pid)
		}
	}
	return pids
}
