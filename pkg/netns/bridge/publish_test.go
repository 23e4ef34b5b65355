package bridge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

func TestRedirects(t *testing.T) {
	web := end("n", true, false, "10.1.2.3/24", "fd01::3/64")
	for name, test := range map[string]struct {
		port container.Port
		want string
	}{
		"everywhere":   {container.Port{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}, "6 invalid IP 8080 10.1.2.3:80, 6 invalid IP 8080 [fd01::3]:80"},
		"one address":  {container.Port{HostIP: "192.0.2.1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}, "6 192.0.2.1 8080 10.1.2.3:80"},
		"IPv6 address": {container.Port{HostIP: "fd02::1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "udp"}, "17 fd02::1 8080 [fd01::3]:80"},
		"loopback":     {container.Port{HostIP: "127.0.0.1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}, ""},
		"range":        {container.Port{HostIP: "0.0.0.0", HostPort: 8080, ContainerPort: 80, Count: 2, Protocol: "tcp"}, "6 0.0.0.0 8080 10.1.2.3:80, 6 0.0.0.0 8081 10.1.2.3:81"},
	} {
		s := &Server{attached: map[string]*helper.Attached{"a": {Ports: []container.Port{test.port}, Ends: []helper.End{web}}}}
		var got []string
		for _, r := range s.redirects() {
			got = append(got, fmt.Sprint(r.protocol, " ", r.host, " ", r.port, " ", r.to))
		}
		if text := strings.Join(got, ", "); text != test.want {
			t.Errorf("%s: %s, want %s", name, text, test.want)
		}
	}
	inner := &Server{attached: map[string]*helper.Attached{"a": {Ports: []container.Port{{HostPort: 1, ContainerPort: 1, Count: 1}}, Ends: []helper.End{end("n", true, true, "10.1.2.3/24")}}}}
	if got := inner.redirects(); got != nil {
		t.Errorf("of an internal network: %v", got)
	}
	user := &Server{Options: Options{Rootless: true}, attached: map[string]*helper.Attached{"a": {Ports: []container.Port{{HostPort: 1, ContainerPort: 1, Count: 1}}, Ends: []helper.End{web}}}}
	if got := user.redirects(); got != nil {
		t.Errorf("of a user: %v", got)
	}
}
