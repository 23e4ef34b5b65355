package rootless

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

func (f Facts) checkTun() Finding {
	const check = "/dev/net/tun"
	err := f.Usable(f.path(check))
	switch {
	case err == nil:
		return ok(check, "usable")
	case errors.Is(err, fs.ErrNotExist):
		return Finding{check, Failure, "not there: containers have no network", "sudo modprobe tun"}
	}
	return Finding{check, Failure, err.Error() + ": containers have no network", "sudo chmod 0666 " + check}
}

func (f Facts) checkNetworkHelper() Finding {
	const check = "network helper"
	for _, name := range []string{"pasta", "slirp4netns"} {
		if tool, err := f.Tool(name); err == nil {
			return ok(check, "%s", tool.Path)
		}
	}
	return Finding{check, Failure, "neither pasta nor slirp4netns is installed: containers have no network", f.install("passt", "passt", "passt", "passt", "passt")}
}

// checkLowPorts is never a warning: the default is a sound one, but people ask.
func (f Facts) checkLowPorts() Finding {
	const check = "low ports"
	start, found := f.read("/proc/sys/net/ipv4/ip_unprivileged_port_start")
	if !found {
		start = "1024"
	}
	if start == "0" {
		return ok(check, "every port can be published")
	}
	return ok(check, "ports from %s can be published (net.ipv4.ip_unprivileged_port_start)", start)
}

// checkPing: ping(8) without capabilities needs the group of its process in net.ipv4.ping_group_range; root of a container is
// the user's own group outside.
func (f Facts) checkPing() Finding {
	const check = "ping"
	text, found := f.read("/proc/sys/net/ipv4/ping_group_range")
	if !found {
		return ok(check, "not restricted here")
	}
	var low, high uint64
	if _, err := fmt.Sscan(text, &low, &high); err != nil {
		return Finding{check, Warning, fmt.Sprintf("net.ipv4.ping_group_range %q cannot be understood", text), sysctlFix(`"net.ipv4.ping_group_range=0 2147483647"`)}
	}
	if gid := uint64(f.GID); gid < low || gid > high {
		return Finding{check, Warning, fmt.Sprintf("net.ipv4.ping_group_range is %q: containers can ping only with --cap-add NET_RAW", strings.Join(strings.Fields(text), " ")), sysctlFix(`"net.ipv4.ping_group_range=0 2147483647"`)}
	}
	return ok(check, "allowed to groups %d to %d", low, high)
}
