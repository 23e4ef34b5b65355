package netns

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/container"
)

// The tests below run the real helpers on a host of their own: this test binary again, in new user, mount, pid and network
// namespaces, with an interface eth0, a default route unless told otherwise, a peer behind it, and a nameserver on 127.0.0.53.
const insideVariable = "POD_NETNS_TEST"

func TestRealHelpers(t *testing.T) {
	if *update {
		t.Skip("golden files are written (hack/generate), by whoever does so: root, or where there are no helpers")
	}
	for _, tool := range []string{"ip", "unshare", "mount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not installed", tool)
		}
	}
	helpers, err := Probe(t.Context(), exec.LookPath)
	if err != nil {
		t.Fatal(err)
	}
	if helpers.Tun != nil {
		t.Skipf("/dev/net/tun: %v", helpers.Tun)
	}
	for _, mode := range []string{"pasta", "slirp4netns"} {
		for _, route := range []string{"route", "no-route"} {
			t.Run(mode+" "+route, func(t *testing.T) {
				if mode == "pasta" && helpers.Pasta == "" || mode == "slirp4netns" && helpers.Slirp4netns == "" {
					t.Skipf("%s is not installed", mode)
				}
				runInside(t, mode+" "+route)
			})
		}
	}
}

func runInside(t *testing.T, what string) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^TestInside$", "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"="+what)
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("user namespaces are not allowed here: %v", err)
	}
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

func TestInside(t *testing.T) {
	what := os.Getenv(insideVariable)
	if what == "" {
		t.Skip("only runs in the namespaces that TestRealHelpers makes")
	}
	mode, route, _ := strings.Cut(what, " ")
	makeHost(t, route == "route")
	path := makeNetns(t)

	helpers, err := Probe(t.Context(), exec.LookPath)
	if err != nil {
		t.Fatal(err)
	}
	host := ReadHost(helpers, path)
	if host.Address != "192.0.2.2" || host.Route4 != (route == "route") || host.Route6 != (route == "route") {
		t.Errorf("facts: address %s, route %v %v", host.Address, host.Route4, host.Route6)
	}
	cfg := container.Network{Mode: mode}
	if mode == "pasta" {
		cfg.Ports = assignTestPorts(t)
	}
	n, err := plan(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	runHelper(t, n)
	checkReach(t, n, path)
	if mode == "pasta" {
		checkPublished(t, n, path)
	}
	checkEnd(t, mode, path)
}

func assignTestPorts(t *testing.T) []container.Port {
	ports, err := AssignPorts([]container.Port{
		{ContainerPort: 80, Count: 1, Protocol: "tcp"},
		{ContainerPort: 81, Count: 2, Protocol: "tcp", HostIP: "127.0.0.1"},
		{ContainerPort: 53, Count: 1, Protocol: "udp"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckPorts(ports); err != nil {
		t.Fatal(err)
	}
	return ports
}

func runHelper(t *testing.T, n Network) {
	cmd := exec.CommandContext(t.Context(), n.Command[0], n.Command[1:]...)
	var said bytes.Buffer // a pipe: Run returns only when the daemon has closed its end
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(n.Command, " "), err, &said)
	}
	t.Logf("%s ready after %v; said %q", n.Mode, time.Since(start).Round(time.Millisecond), &said)
}

// checkReach: the container reaches the peer and the host's own address, never the host's loopback.
func checkReach(t *testing.T, n Network, path string) {
	serve(t, "tcp4", "127.0.0.1:7001", "loopback")
	serve(t, "tcp4", "192.0.2.2:7002", "host")
	serve(t, "tcp6", "[::1]:7003", "loopback")
	within(t, path, func() {
		for address, want := range map[string]string{
			"192.0.2.1:80": "peer", n.HostAddress + ":7002": "host",
			gateway + ":7001": "", n.HostAddress + ":7001": "", "127.0.0.1:7001": "", "[::1]:7003": "", "[fd00::2]:7003": "", "[fd00::1]:7003": "",
		} {
			got := fetch("tcp", address)
			if got != want {
				t.Errorf("from the container %s gives %q, want %q", address, got, want)
			}
		}
		if got := ask(n.Nameservers[0] + ":53"); got != "echo" {
			t.Errorf("nameserver %s gives %q", n.Nameservers[0], got)
		}
	})
}

func checkPublished(t *testing.T, n Network, path string) {
	within(t, path, func() {
		for _, port := range []string{"80", "81", "82"} {
			serve(t, "tcp", ":"+port, "container "+port)
		}
		echo(t, ":53")
	})
	for i, address := range []string{"127.0.0.1", "192.0.2.2", "[::1]"} {
		target := fmt.Sprintf("%s:%d", address, n.Ports[0].HostPort)
		if got := fetch("tcp", target); got != "container 80" && !(i == 2 && n.Warnings != nil) {
			t.Errorf("published on %s: %q", target, got)
		}
	}
	for i := range 2 {
		target := fmt.Sprintf("127.0.0.1:%d", int(n.Ports[1].HostPort)+i)
		if got := fetch("tcp", target); got != fmt.Sprintf("container %d", 81+i) {
			t.Errorf("published on %s: %q", target, got)
		}
	}
	if got := fetch("tcp", fmt.Sprintf("192.0.2.2:%d", n.Ports[1].HostPort)); got != "" {
		t.Errorf("a port published on 127.0.0.1 answers on another address: %q", got)
	}
	// Not through the loopback: there Debian 12's pasta loses the answers of a UDP port that has another number inside.
	if got := ask(fmt.Sprintf("192.0.2.2:%d", n.Ports[2].HostPort)); got != "echo" {
		t.Errorf("published udp: %q", got)
	}
	if err := CheckPorts(n.Ports[:1]); err == nil || !strings.Contains(err.Error(), "in use by") {
		t.Errorf("the port of a running helper: %v", err)
	}
}

// checkEnd: a helper whose monitor was killed is found, and pasta goes by itself with the file.
func checkEnd(t *testing.T, mode, path string) {
	found, err := FindHelpers(path)
	if err != nil || len(found) != 1 {
		t.Fatalf("helpers left: %v, %v", found, err)
	}
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if mode == "slirp4netns" {
		if err := found[0].Signal(unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(5 * time.Second)
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for found[0].Alive() {
		select {
		case <-look.C:
		case <-deadline:
			t.Fatalf("%s still runs", mode)
		}
	}
}

func makeHost(t *testing.T, route bool) {
	run(t, "mount", "--make-rprivate", "/")
	run(t, "mount", "-t", "proc", "proc", "/proc")
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver 127.0.0.53\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "--bind", resolv, "/etc/resolv.conf")
	peer := sleeper(t)
	for _, args := range []string{
		"link set lo up", "link add eth0 type veth peer name p0", "link set p0 netns " + fmt.Sprint(peer),
		"addr add 192.0.2.2/24 dev eth0", "addr add fd00::2/64 dev eth0 nodad", "link set eth0 up",
	} {
		run(t, "ip", strings.Fields(args)...)
	}
	within(t, fmt.Sprintf("/proc/%d/ns/net", peer), func() {
		for _, args := range []string{"link set lo up", "addr add 192.0.2.1/24 dev p0", "addr add fd00::1/64 dev p0 nodad", "link set p0 up"} {
			run(t, "ip", strings.Fields(args)...)
		}
		serve(t, "tcp4", "192.0.2.1:80", "peer")
	})
	if route {
		run(t, "ip", "route", "add", "default", "via", "192.0.2.1")
		run(t, "ip", "-6", "route", "add", "default", "via", "fd00::1")
	}
	echo(t, "127.0.0.53:53")
	// The kernel lets an interface send some time after its other end came up, in the background. What is sent before is lost: the question
	// for the peer's address, which is asked again after a second.
	for range 5 {
		if fetch("tcp", "192.0.2.1:80") == "peer" {
			return
		}
	}
	t.Fatal("this host does not reach its peer")
}

// makeNetns does the monitor's part: a namespace with lo up, mounted at a path.
func makeNetns(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "netns")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	source := fmt.Sprintf("/proc/%d/ns/net", sleeper(t))
	within(t, source, func() { run(t, "ip", "link", "set", "lo", "up") })
	run(t, "mount", "--bind", source, path)
	return path
}

// sleeper starts a process in a network namespace of its own.
func sleeper(t *testing.T) int {
	cmd := exec.Command("sleep", "infinity")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd.Process.Pid
}

// within calls f in another network namespace. Sockets opened there stay there; the thread ends with the goroutine.
func within(t *testing.T, netns string, f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		fd, err := unix.Open(netns, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err == nil {
			defer unix.Close(fd)
			err = unix.Setns(fd, unix.CLONE_NEWNET)
		}
		if err != nil {
			t.Errorf("join %s: %v", netns, err)
			return
		}
		f()
	}()
	<-done
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Errorf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
