package engine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/step"
	"github.com/pod-engine/pod/pkg/oci"
	"golang.org/x/sys/unix"
)

// RunStep runs a step to its end and gives its exit code. An error is a *StartError when the process could not be run.
func (e *Engine) RunStep(ctx context.Context, s step.Step) (code int, err error) {
	cfg := *s.Config
	cfg.ID = newID()
	if !limited(cfg.Resources) {
		// Then it lives in the caller's cgroup, which costs nothing.
		cfg.Resources.Cgroups = string(cgroup.Disabled)
	}
	if cfg.Network.Bridged() {
		if err := e.checkNetworks(&cfg); err != nil {
			return 0, err
		}
	}
	b := &bundle{dir: s.Dir}
	if b.cfg, b.hooks, err = e.withDevices(&cfg); err != nil {
		return 0, err
	}
	s.Config = b.cfg
	defer b.close()
	defer func() {
		// Those who know the step from outside: the network helper, and the cgroup's files.
		err = errors.Join(err, e.releaseNetworks(context.WithoutCancel(ctx), cfg.ID), e.ForgetStep(s.Dir))
	}()
	if err := os.Mkdir(b.path("merged"), 0o700); err != nil {
		return 0, err
	}
	if b.root, err = e.MountOver(s.Layers, s.Upper, s.Work, b.path("merged"), ""); err != nil {
		return 0, err
	}
	stubs := findStubs(b.root, stepMountPoints(s))
	spec, err := e.bundleStep(ctx, b, s)
	if err != nil {
		return 0, err
	}
	if err := failpoint.Hit("step.bundled"); err != nil {
		return 0, err
	}
	code, err = e.startStep(ctx, b, s, spec)
	if err != nil {
		return 0, err
	}
	b.close()
	b.root = nil
	if err := failpoint.Hit("step.ended"); err != nil {
		return 0, err
	}
	return code, stubs.remove(s.Upper)
}

// bundleStep is makeBundle for a step, without its config.json.
func (e *Engine) bundleStep(ctx context.Context, b *bundle, s step.Step) (*specs.Spec, error) {
	connected := e.connectNetworks(ctx, b.cfg) // meanwhile
	defer connected.abandon()
	for i, tree := range s.Trees {
		path, err := makeTreePoint(b, i, tree)
		if err != nil {
			return nil, err
		}
		flags, err := treeFlags(tree.Mount)
		if err != nil {
			return nil, err
		}
		b.cfg.Mounts = append(b.cfg.Mounts[:len(b.cfg.Mounts):len(b.cfg.Mounts)], container.Mount{
			Type: container.MountBind, Source: path, Destination: tree.Destination, ReadOnly: tree.ReadOnly, Options: flags,
		})
	}
	host, err := e.prepare(ctx, b, connected)
	if err != nil {
		return nil, err
	}
	spec, err := oci.Spec(b.cfg, host)
	if err != nil {
		return nil, err
	}
	if b.filter, err = e.filterPath(spec); err != nil {
		return nil, err
	}
	useFilter(spec, b.filter)
	return spec, nil
}

// makeTreePoint makes what the step's first process attaches a tree at: a file for a file, else a directory.
func makeTreePoint(b *bundle, i int, tree step.Tree) (string, error) {
	if err := os.MkdirAll(b.path("trees"), 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(b.path("trees"), strconv.Itoa(i))
	info, err := tree.Mount.Stat()
	if err != nil {
		return "", err
	}
	if info.IsDir() {
		return path, os.Mkdir(path, 0o755)
	}
	return path, os.WriteFile(path, nil, 0o644)
}

// treeFlags are what sourceFlags finds for a path, for a mount that is attached nowhere.
func treeFlags(mount *os.File) ([]string, error) {
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(mount.Fd()), &fs); err != nil {
		return nil, err
	}
	var flags []string
	for option, bit := range map[string]int64{"nosuid": unix.ST_NOSUID, "nodev": unix.ST_NODEV, "noexec": unix.ST_NOEXEC} {
		if fs.Flags&bit != 0 {
			flags = append(flags, option)
		}
	}
	return flags, nil
}

// startStep starts the step's first process and waits for its end.
func (e *Engine) startStep(ctx context.Context, b *bundle, s step.Step, spec *specs.Spec) (int, error) {
	program, err := carried.Path(ctx, "pod-monitor", e.DataDir)
	if err != nil {
		return 0, err
	}
	record, files, err := e.recordStep(b, s)
	if err != nil {
		return 0, err
	}
	log, err := os.OpenFile(b.path(monitor.MonitorLog), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	defer log.Close()
	if err := makeRuntimeLog(b.path(monitor.RuntimeLog)); err != nil {
		return 0, err
	}
	cmd := &exec.Cmd{
		Path: program, Args: []string{"pod-step"}, Dir: b.dir, Env: record.Env,
		Stdout: s.Stdout, Stderr: log, ExtraFiles: files,
		SysProcAttr: &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL, Setsid: true},
	}
	gate, err := cmd.StdinPipe() // the step begins at its end
	if err != nil {
		return 0, err
	}
	defer e.watchFilter(b)()
	err = runBound(ctx, cmd, func(pid int) error {
		if err := e.placeStep(ctx, b, spec, pid); err != nil {
			return err
		}
		text, err := json.Marshal(spec)
		if err == nil {
			err = os.WriteFile(b.path("config.json"), text, 0o600)
		}
		return errors.Join(err, gate.Close())
	})
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return e.judgeStep(b, err)
}

// makeRuntimeLog makes the runtime's log, with room: without word from it, its failure would count as that of the step's command.
func makeRuntimeLog(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, 4096)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return err
}

// recordStep writes what the step's first process is to do, and gives the descriptors that it needs for it.
func (e *Engine) recordStep(b *bundle, s step.Step) (monitor.Step, []*os.File, error) {
	record := monitor.Step{
		ID: b.cfg.ID, Runtime: e.Runtime.Path, Env: e.monitorEnv(), Trees: []string{b.path("merged")},
		NetnsPath: b.netns, NetnsFD: -1, NetworkCommand: b.network.Command,
	}
	// State of its own: whoever finds the directory of a build that died removes all of it.
	manager := cgroup.Setup{Manager: cgroup.Disabled}
	if limited(b.cfg.Resources) {
		manager.Manager = cgroup.Cgroupfs // see placeStep
	}
	record.RuntimeArgs = append([]string{"--root", b.path("runtime")}, manager.RuntimeArgs(e.Runtime.Name())...)
	record.RuntimeArgs = append(record.RuntimeArgs, e.Runtime.Flags...)
	files := []*os.File{b.root}
	for i, tree := range s.Trees {
		record.Trees = append(record.Trees, filepath.Join(b.path("trees"), strconv.Itoa(i)))
		files = append(files, tree.Mount)
	}
	files = append(files, s.Stderr)
	if b.namespace != nil {
		record.NetnsFD = monitor.StepFD + len(files)
		files = append(files, b.namespace)
	}
	text, err := record.Encode()
	if err != nil {
		return record, nil, err
	}
	return record, files, os.WriteFile(b.path(monitor.StepFile), text, 0o600)
}

// runBound runs cmd to its end, or kills it when ctx is done or started gives an error. The thread that starts it must live as long: the kernel kills it
// with its parent, and that is the thread (PR_SET_PDEATHSIG in prctl(2)).
func runBound(ctx context.Context, cmd *exec.Cmd, started func(pid int) error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			done <- err
			return
		}
		stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
		defer stop()
		if err := started(cmd.Process.Pid); err != nil {
			cmd.Process.Kill()
			cmd.Wait()
			done <- err
			return
		}
		done <- cmd.Wait()
	}()
	return <-done
}

// judgeStep tells the process's own exit from a failure to start it, of which the runtime and the monitor leave word.
func (e *Engine) judgeStep(b *bundle, ended error) (int, error) {
	var exit *exec.ExitError
	if ended != nil && !errors.As(ended, &exit) {
		return 0, ended
	}
	if ended == nil {
		return 0, nil
	}
	if text, err := readFile(b.path(monitor.RuntimeLog)); err == nil && len(text) > 0 {
		message := monitor.RuntimeMessage(string(text))
		return 0, e.explainStart(&StartError{StartErrorKind(monitor.RuntimeKind(message)), e.Runtime.Name() + ": " + message})
	}
	if text, err := readFile(b.path(monitor.MonitorLog)); err == nil && len(text) > 0 {
		return 0, &StartError{StartInternal, lastComplaint(text)}
	}
	if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return exit.ExitCode(), nil
}
