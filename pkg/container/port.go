package container

import (
	"encoding/csv"
	"net/netip"
	"strconv"
	"strings"
)

// ParsePort reads the value of --publish: [[IP:][HOST-PORT]:]CONTAINER-PORT[/PROTOCOL], where a port may be a range of
// as many ports on both sides, an IPv6 address stands in brackets, and a host port left out is chosen at start. The form
// published=8080,target=80[,protocol=udp][,host_ip=IP] is read too.
func ParsePort(s string) (Port, error) {
	if strings.Contains(s, "=") {
		return parsePortFields(s)
	}
	rest, protocol, _ := strings.Cut(s, "/")
	ip, host, ctr, err := splitPort(rest)
	if err != nil {
		return Port{}, err
	}
	return newPort(s, ip, host, ctr, protocol)
}

// splitPort parts IP, host port and container port.
func splitPort(s string) (ip, host, ctr string, err error) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", s, nil
	}
	ctr, s = s[i+1:], s[:i]
	if i = strings.LastIndexByte(s, ':'); i < 0 {
		return "", s, ctr, nil
	}
	host, ip = s[i+1:], s[:i]
	if strings.Contains(ip, ":") {
		inner, ok := strings.CutPrefix(ip, "[")
		inner, ok2 := strings.CutSuffix(inner, "]")
		if !ok || !ok2 {
			return "", "", "", invalid("%q is not an address; write an IPv6 address in brackets, as in [::1]:8080:80", clip(ip))
		}
		ip = inner
	}
	if ip == "" {
		return "", "", "", invalid("the address before %q is empty; give IP:%s, or only the ports", clip(":"+host), clip(host))
	}
	return ip, host, ctr, nil
}

func parsePortFields(s string) (Port, error) {
	fields, err := csv.NewReader(strings.NewReader(s)).Read()
	if err != nil {
		return Port{}, invalid("%q cannot be read; give published=8080,target=80", clip(s))
	}
	var ip, host, ctr, protocol string
	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		switch strings.ToLower(key) {
		case "published":
			host = value
		case "target":
			ctr = value
		case "protocol":
			protocol = value
		case "host_ip":
			ip = strings.Trim(value, "[]")
		case "mode":
			if value != "host" && value != "ingress" {
				return Port{}, invalid("mode %q is not known; leave it out", clip(value))
			}
		default:
			return Port{}, invalid("%q is not about a port; give published, target, protocol or host_ip", clip(key))
		}
	}
	return newPort(s, ip, host, ctr, protocol)
}

func newPort(s, ip, host, ctr, protocol string) (Port, error) {
	if protocol == "" {
		protocol = "tcp"
	}
	p := Port{HostIP: ip, Protocol: strings.ToLower(protocol)}
	first, count, err := parsePortRange(ctr)
	if err != nil {
		return Port{}, err
	}
	p.ContainerPort, p.Count = first, count
	if host != "" && host != "0" {
		first, hostCount, err := parsePortRange(host)
		if err != nil {
			return Port{}, err
		}
		if hostCount != count {
			return Port{}, invalid("%q has %d ports of the host for %d of the container; give as many on both sides, or leave out the host's", clip(s), hostCount, count)
		}
		p.HostPort = first
	}
	return p, checkPort(p)
}

// parsePortRange reads "80" or "80-90".
func parsePortRange(s string) (first, count uint16, err error) {
	lo, hi, isRange := strings.Cut(s, "-")
	if !isRange {
		hi = lo
	}
	a, err1 := strconv.ParseUint(lo, 10, 16)
	b, err2 := strconv.ParseUint(hi, 10, 16)
	if err1 != nil || err2 != nil || a == 0 || b < a {
		return 0, 0, invalid("%q is not a port; give a number from 1 to 65535, or a range such as 8000-8010", clip(s))
	}
	return uint16(a), uint16(b - a + 1), nil
}

func checkPort(p Port) error {
	switch p.Protocol {
	case "tcp", "udp", "sctp":
	default:
		return invalid("protocol %q is not known; give tcp, udp or sctp", clip(p.Protocol))
	}
	if p.HostIP != "" {
		if _, err := parseAddr(p.HostIP); err != nil {
			return invalid("%q is not an address; give an IP address of this host, such as 127.0.0.1", clip(p.HostIP))
		}
	}
	if p.ContainerPort == 0 || p.Count == 0 || int(p.ContainerPort)+int(p.Count) > 1<<16 || int(p.HostPort)+int(p.Count) > 1<<16 {
		return invalid("port %d and %d after it are not all from 1 to 65535; give a smaller range", p.ContainerPort, int(p.Count)-1)
	}
	return nil
}

// ParseExpose reads a port of the container, or a range, with a protocol, and gives it in full: "80/tcp".
func ParseExpose(s string) (string, error) {
	ports, protocol, _ := strings.Cut(s, "/")
	p, err := newPort(s, "", "", ports, protocol)
	if err != nil {
		return "", err
	}
	return ports + "/" + p.Protocol, nil
}

// checkPorts finds two publications that want one port of the host.
func checkPorts(ports []Port) error {
	for i, p := range ports {
		if err := checkPort(p); err != nil {
			return err
		}
		for _, q := range ports[:i] {
			if p.HostPort != 0 && q.HostPort != 0 && p.Protocol == q.Protocol && overlap(p, q) && sameAddress(p.HostIP, q.HostIP) {
				return invalid("port %d/%s of the host is published twice; give each a port of its own", max(p.HostPort, q.HostPort), p.Protocol)
			}
		}
	}
	return nil
}

func overlap(p, q Port) bool {
	return int(p.HostPort) < int(q.HostPort)+int(q.Count) && int(q.HostPort) < int(p.HostPort)+int(p.Count)
}

// sameAddress reports whether binding both addresses collides; an empty one and the unspecified ones take every address.
func sameAddress(a, b string) bool {
	if a == "" || b == "" || a == b {
		return true
	}
	x, _ := parseAddr(a)
	y, _ := parseAddr(b)
	return x == y || x.Is4() == y.Is4() && (x.IsUnspecified() || y.IsUnspecified())
}

// Meets gives the first host port that both ask for on addresses that are in each other's way. Host ports that are still to be chosen
// meet nobody's.
func (p Port) Meets(o Port) (host uint16, ok bool) {
	first := max(p.HostPort, o.HostPort)
	last := min(int(p.HostPort)+int(p.Count), int(o.HostPort)+int(o.Count)) - 1
	if p.HostPort == 0 || o.HostPort == 0 || p.Protocol != o.Protocol || int(first) > last {
		return 0, false
	}
	a, b := p.bound(), o.bound()
	return first, a == b || a.IsUnspecified() || b.IsUnspecified()
}

func (p Port) bound() netip.Addr {
	if a, err := netip.ParseAddr(p.HostIP); err == nil {
		return a.Unmap()
	}
	return netip.IPv6Unspecified()
}
