package container

import (
	"net/netip"
	"strings"
)

// maxName is the longest name of an object: one component of a path.
const maxName = 255

// CheckName tells whether s can name a container: letters, digits, "_", "." and "-", the first a letter or digit.
func CheckName(s string) error {
	if s == "" || len(s) > maxName || !isAlnum(s[0]) || strings.ContainsFunc(s, func(r rune) bool {
		return r > 127 || !isAlnum(byte(r)) && r != '_' && r != '.' && r != '-'
	}) {
		return invalid("%q cannot be a name; use letters, digits, \"_\", \".\" and \"-\", first a letter or a digit, at most %d", clip(s), maxName)
	}
	return nil
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// clip keeps a hostile value from filling the terminal.
func clip(s string) string {
	if len(s) > 80 {
		return s[:77] + "..."
	}
	return s
}

// checkHostname accepts what sethostname(2) and a hosts file can carry.
func checkHostname(s string) error {
	if s == "" {
		return nil
	}
	// 64 bytes is the kernel's __NEW_UTS_LEN.
	if len(s) > 64 || s[0] == '-' || s[0] == '.' || strings.ContainsFunc(s, func(r rune) bool {
		return r > 127 || !isAlnum(byte(r)) && r != '-' && r != '.' && r != '_'
	}) {
		return invalid("%q cannot be a host name; use letters, digits, \"-\" and \".\", at most 64", clip(s))
	}
	return nil
}

// ParseAddHost reads "name:address" or "name=address" and gives it as "name:address". Several names may be joined by
// ";". The address may be the word host-gateway.
func ParseAddHost(s string) (string, error) {
	i := strings.IndexAny(s, ":=")
	if i < 0 {
		return "", invalid("%q has no address; give NAME:ADDRESS", clip(s))
	}
	return s[:i] + ":" + s[i+1:], checkAddHost(s[:i] + ":" + s[i+1:])
}

func checkAddHost(s string) error {
	names, addr, ok := strings.Cut(s, ":")
	if !ok {
		return invalid("%q has no address; give NAME:ADDRESS", clip(s))
	}
	for _, name := range strings.Split(names, ";") {
		if name == "" {
			return invalid("%q has an empty host name; give NAME:ADDRESS", clip(s))
		}
		if err := checkHostname(name); err != nil {
			return err
		}
	}
	if addr == "host-gateway" {
		return nil
	}
	if _, err := parseAddr(strings.Trim(addr, "[]")); err != nil {
		return invalid("%q is not an address; give an IP address or host-gateway", clip(addr))
	}
	return nil
}

// parseAddr is netip.ParseAddr without zones, which mean nothing in another network namespace.
func parseAddr(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	if err == nil && a.Zone() != "" {
		err = invalid("%q has a zone; give the address alone", s)
	}
	return a, err
}

func checkDNS(n Network) error {
	for _, s := range n.DNS {
		if s == "none" && len(n.DNS) == 1 {
			continue
		}
		if _, err := parseAddr(s); err != nil {
			return invalid("--dns %q is not an address; give the IP address of a name server", clip(s))
		}
	}
	for _, s := range n.DNSSearch {
		if s == "." {
			continue
		}
		if err := checkDomain(s); err != nil {
			return err
		}
	}
	for _, s := range n.DNSOptions {
		// One line of resolv.conf holds them all, parted by spaces.
		if s == "" || len(s) > maxName || hasControl(s) || strings.ContainsAny(s, " #;") {
			return invalid("--dns-option %q is not an option of resolv.conf; give one word such as ndots:2", clip(s))
		}
	}
	return nil
}

func checkDomain(s string) error {
	if s == "" || len(s) > maxName || strings.ContainsFunc(s, func(r rune) bool {
		return r > 127 || !isAlnum(byte(r)) && r != '-' && r != '.' && r != '_'
	}) {
		return invalid("--dns-search %q is not a domain; give a domain name, or \".\" for none", clip(s))
	}
	return nil
}

// checkTimezone accepts the name of a zone below the zone directory, never a path out of it.
func checkTimezone(s string) error {
	if s == "" || s == "local" {
		return nil
	}
	bad := len(s) > maxName || s[0] == '/' || strings.ContainsFunc(s, func(r rune) bool {
		return r > 127 || !isAlnum(byte(r)) && !strings.ContainsRune("_-+/.", r)
	})
	for _, part := range strings.Split(s, "/") {
		bad = bad || part == "" || part[0] == '.'
	}
	if bad {
		return invalid("--tz %q is not a time zone; give a name such as Europe/Oslo, or local", clip(s))
	}
	return nil
}
