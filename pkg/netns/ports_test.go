package netns

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/container"
)

func TestAssignPorts(t *testing.T) {
	asked := []container.Port{
		{HostPort: 4711, ContainerPort: 1, Count: 1, Protocol: "tcp"},
		{ContainerPort: 80, Count: 1},
		{ContainerPort: 80, Count: 1, HostIP: "127.0.0.1", Protocol: "tcp"},
		{ContainerPort: 53, Count: 4, Protocol: "udp"},
	}
	got, err := AssignPorts(asked)
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != asked[0] || asked[1].HostPort != 0 {
		t.Errorf("a port that was given changed: %v, %v", got[0], asked[1])
	}
	if got[1].HostPort == got[2].HostPort {
		t.Errorf("the same port twice: %v", got)
	}
	if err := CheckPorts(got[1:]); err != nil {
		t.Errorf("the assigned ports are not free again: %v", err)
	}
	if _, err := AssignPorts([]container.Port{{ContainerPort: 80, Count: 1, HostIP: "203.0.113.9"}}); err == nil {
		t.Error("a port on an address this machine does not have was assigned")
	}
}

func TestCheckPortsNamesHolder(t *testing.T) {
	for _, network := range []string{"tcp", "udp"} {
		socket, port, err := listen(network+"4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		p := container.Port{HostPort: port, ContainerPort: 80, Count: 1, Protocol: network}
		err = CheckPorts([]container.Port{p})
		for _, want := range []string{fmt.Sprintf("publish host port %d/%s", port, network), "in use by", fmt.Sprintf("pid %d", os.Getpid())} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one that says %q", err, want)
			}
		}
		socket.Close()
		if err := CheckPorts([]container.Port{p}); err != nil {
			t.Errorf("closed again: %v", err)
		}
	}
}

// A range that overlaps a held port only on IPv6 is refused too: pasta would publish on IPv4 alone without a word.
func TestCheckPortsTriesBothFamilies(t *testing.T) {
	socket, port, err := listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("this machine has no IPv6 loopback")
	}
	defer socket.Close()
	if err := CheckPorts([]container.Port{{HostPort: port - 1, ContainerPort: 80, Count: 2}}); err == nil {
		t.Error("a range with a held port passed")
	}
	if err := CheckPorts([]container.Port{{HostIP: "127.0.0.1", HostPort: port, ContainerPort: 80, Count: 1}}); err != nil {
		t.Errorf("the same port on IPv4 only: %v", err)
	}
}

func TestCheckPortsUnknownAddress(t *testing.T) {
	err := CheckPorts([]container.Port{{HostIP: "203.0.113.9", HostPort: 8080, ContainerPort: 80, Count: 1}})
	if err == nil || !strings.Contains(err.Error(), "does not have that address") {
		t.Errorf("error %v", err)
	}
}

func TestPortErrorOfLowPort(t *testing.T) {
	p := container.Port{HostPort: 80, ContainerPort: 80, Count: 1}
	err := PortError(p, &net.OpError{Op: "listen", Err: os.NewSyscallError("bind", os.ErrPermission)})
	if strings.Contains(err.Error(), "may not bind") {
		t.Errorf("%v is taken for EACCES", err)
	}
	err = PortError(p, eacces())
	if !strings.Contains(err.Error(), "users may not bind ports below "+unprivilegedStart()) {
		t.Errorf("error %v", err)
	}
	if want := "sudo sysctl net.ipv4.ip_unprivileged_port_start=80"; !strings.HasPrefix(hint.Of(err), want) {
		t.Errorf("hint %q, want %q", hint.Of(err), want)
	}
}

func TestFindSocket(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 111 1
   1: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 222 1
   2: nonsense
`
	if inode, uid, ok := findSocket(table, 8080, true); !ok || inode != "222" || uid != "1001" {
		t.Errorf("listening: %s %s %v", inode, uid, ok)
	}
	if inode, _, ok := findSocket(table, 8080, false); !ok || inode != "111" {
		t.Errorf("any: %s %v", inode, ok)
	}
	if _, _, ok := findSocket(table, 8081, true); ok {
		t.Error("a port nobody has was found")
	}
}
