package e2e

import (
	"flag"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// insideVariable tells this test binary that it is in the namespaces that TestRoot makes.
const insideVariable = "POD_TEST_ROOT"

// TestRoot runs the scripts in which root has the engine to itself. Root's networks are in the machine's own namespace, so the machine is
// one that the test makes: this test binary again, in new network, mount and process namespaces.
func TestRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, in whose namespaces bridges, nftables and macvlan are: hack/test started as root runs this test as root")
	}
	if os.Getenv(insideVariable) != "" {
		makeMachine(t)
		newSuite(t).runAll(t, "testdata/root")
		return
	}
	chosen := flag.Lookup("test.run").Value.String()
	if chosen == "" {
		chosen = "^TestRoot$"
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", chosen, "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

// makeMachine mounts what belongs to the new namespaces.
func makeMachine(t *testing.T) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""))
	must(unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")) // of the new network namespace
	// Root's directories are the system's.
	for _, dir := range []string{"/run", "/var/lib"} {
		must(unix.Mount("tmpfs", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"))
	}
	must(unix.Mount("cgroup2", "/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""))
}
