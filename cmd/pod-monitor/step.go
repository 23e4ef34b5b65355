package main

import (
	"syscall"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

// exitStep is the exit code of a step that did not come to the runtime; its stderr, monitor.log, says why.
const exitStep = 125

// runStep is the first process of a process namespace and a mount namespace of its own, in which it attaches the files of a
// build step, connects its network and runs the OCI runtime. The kernel kills it when the command that started it ends, and with
// it every process of its namespace: however a build dies, nothing of it goes on running. So does the network's helper end.
func runStep() int {
	if err := waitForStart(); err != nil {
		report(err.Error())
		return exitStep
	}
	step, err := monitor.ReadStep(".")
	if err != nil {
		report(err.Error())
		return exitStep
	}
	s := &supervisor{reaper: newReaper(), launch: monitor.NewLaunch()}
	s.launch.NetnsPath, s.launch.NetnsFD, s.launch.NetworkCommand, s.launch.Env = step.NetnsPath, step.NetnsFD, step.NetworkCommand, step.Env
	status, err := s.step(step)
	if err != nil {
		report(err.Error())
		return exitStep
	}
	return exitCode(status)
}

// waitForStart waits for the end of the standard input, until when the command places this process in its cgroup, and then replaces it by an
// empty one for the process of the step.
func waitForStart() error {
	for buffer := make([]byte, 1); ; {
		if n, err := unix.Read(0, buffer); n <= 0 && err != unix.EINTR {
			break
		}
	}
	null, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return wrap("open /dev/null", err)
	}
	return wrap("give the step an empty standard input", unix.Dup3(null, 0, 0))
}

func (s *supervisor) step(step *monitor.Step) (unix.WaitStatus, error) {
	if err := s.mount(); err != nil {
		return 0, err
	}
	// The runtime looks up processes by the numbers they have in this namespace.
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return 0, wrap("mount /proc of the step's processes", err)
	}
	for i, path := range step.Trees {
		if err := attach("the files of the step", monitor.StepFD+i, path); err != nil {
			return 0, err
		}
	}
	if err := s.network(); err != nil {
		return 0, err
	}
	if err := failpoint.Hit("monitor.step"); err != nil {
		return 0, err
	}
	s.launch.Runtime, s.launch.RuntimeArgs = step.Runtime, step.RuntimeArgs
	args := append([]string{"run", "--bundle", "."}, s.keyring()...)
	status, err := s.tryStep(step, args)
	if err == nil && status != 0 && shortOfKeys(s.complaint(), args) {
		if err := s.quiet("delete", "--force", step.ID); err != nil {
			report(err.Error())
		}
		status, err = s.tryStep(step, append(args, noNewKeyring))
	}
	return status, err
}

// tryStep is one run. Not by becoming the runtime: that would wait for the network's helper, too.
func (s *supervisor) tryStep(step *monitor.Step, args []string) (unix.WaitStatus, error) {
	argv := append([]string{step.Runtime}, step.RuntimeArgs...)
	argv = append(append(append(argv, "--log", monitor.RuntimeLog), args...), step.ID)
	_, ended, err := s.reaper.start(argv, &syscall.ProcAttr{
		Env: step.Env, Files: []uintptr{0, 1, uintptr(monitor.StepFD + len(step.Trees))},
	})
	if err != nil {
		return 0, err
	}
	return <-ended, nil
}
