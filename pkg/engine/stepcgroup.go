package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/container"
)

// limited reports whether something is asked for that only a cgroup can do.
func limited(r container.Resources) bool {
	return r.Memory != 0 || r.MemoryReservation != 0 || r.MemorySwap != 0 || r.MemorySwappiness != nil || r.CPUShares != 0 || r.CPUPeriod != 0 ||
		r.CPUQuota != 0 || r.CPUs != 0 || r.CpusetCPUs != "" || r.CpusetMems != "" || r.PidsLimit != nil || r.BlkioWeight != 0 ||
		r.CgroupParent != "" || len(r.CgroupConf) > 0
}

// stepCgroup in the directory of a step holds the directory of its cgroup.
const stepCgroup = "cgroup"

// placeStep says where the runtime makes the cgroup of a step with limits. The runtime works in the step's own process namespace, whose numbers
// it could not tell to systemd. So this asks systemd for a scope around the step's first process, pid, in which the
// runtime makes a cgroup itself, beside one for that process, which is in the way in the scope (Setup.Prepare). systemd takes all of it away when
// the last process has ended.
func (e *Engine) placeStep(ctx context.Context, b *bundle, spec *specs.Spec, pid int) error {
	if !limited(b.cfg.Resources) {
		return nil
	}
	setup, parent := e.Cgroup, b.cfg.Resources.CgroupParent
	if setup.Manager == cgroup.Systemd {
		slice := setup.Parent
		if parent != "" {
			slice = parent
		}
		if err := cgroup.ScopeForPID(ctx, setup.Socket, "pod-step-"+b.cfg.ID+".scope", slice, pid); err != nil {
			return err
		}
		dir, err := setup.DirOf(pid)
		if err != nil {
			return err
		}
		scope := strings.TrimPrefix(dir, setup.Root)
		setup.Manager, setup.Base, setup.Own, setup.Parent, parent = cgroup.Cgroupfs, scope, scope, scope, ""
		if err := setup.Prepare(); err != nil {
			return err
		}
	}
	path, err := setup.CgroupsPath(b.cfg.ID, parent)
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path(stepCgroup), []byte(setup.Dir(path)), 0o600); err != nil {
		return err
	}
	spec.Linux.CgroupsPath = path
	return failpoint.Hit("step.placed")
}

// stepPatience bounds the wait for the kernel to count no process in a step's cgroup any more.
const stepPatience = 5 * time.Second

// ForgetStep removes the cgroup of a step whose directory this was. All of its processes have ended: the kernel kills them with the command
// that started them.
func (e *Engine) ForgetStep(dir string) error {
	path := filepath.Join(dir, stepCgroup)
	text, err := readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stepPatience)
	defer cancel()
	if err := cgroup.Remove(ctx, string(text)); err != nil {
		return err
	}
	return os.Remove(path)
}
