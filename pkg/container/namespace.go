package container

import "strings"

// ParseNamespace reads the mode of one namespace, "pid", "ipc", "uts" or "cgroup": private, host, container:NAME or
// ns:PATH; ipc also has shareable and none. "private" is given as the empty mode.
func ParseNamespace(kind, s string) (string, error) {
	if s == "private" {
		s = ""
	}
	return s, checkNamespace(kind, s)
}

func checkNamespace(kind, s string) error {
	if s == "" || s == "host" || kind == "ipc" && (s == "shareable" || s == "none") {
		return nil
	}
	if known, err := checkJoined(s); known {
		return err
	}
	words := []string{"private", "host"}
	if kind == "ipc" {
		words = append(words, "shareable", "none")
	}
	return invalid("%s namespace mode %q is not known; give %s", kind, clip(s), quoteList(append(words, "container:NAME", "ns:PATH")...))
}

// checkJoined is about the two forms that name a namespace which exists already.
func checkJoined(s string) (known bool, err error) {
	if name, ok := strings.CutPrefix(s, "container:"); ok {
		return true, CheckName(name)
	}
	if p, ok := strings.CutPrefix(s, "ns:"); ok {
		if !strings.HasPrefix(p, "/") || strings.IndexByte(p, 0) >= 0 {
			return true, invalid("%q is not an absolute path; give ns:/proc/PID/ns/... or another namespace file", clip(p))
		}
		return true, nil
	}
	return false, nil
}

// ParseNetwork reads the value of --network. The default network is given as the empty mode, under whichever of its
// names (default, bridge, private); the options after "pasta:" and "slirp4netns:" are parted by commas.
func ParseNetwork(s string) (mode string, options []string, err error) {
	mode = s
	for _, driver := range []string{"pasta", "slirp4netns"} {
		if rest, ok := strings.CutPrefix(s, driver+":"); ok {
			mode, options = driver, strings.Split(rest, ",")
		}
	}
	switch mode {
	case "default", "bridge", "private":
		mode = ""
	}
	return mode, options, checkNetworkMode(mode)
}

func checkNetworkMode(mode string) error {
	switch mode {
	case "", "none", "host", "pasta", "slirp4netns":
		return nil
	}
	if known, err := checkJoined(mode); known {
		return err
	}
	return invalid("network %q is not known; give %s", clip(mode), quoteList("none", "host", "pasta", "slirp4netns", "container:NAME", "ns:PATH"))
}

// OwnsNetwork reports whether the container has a network namespace that is not shared with anybody.
func (n Network) OwnsNetwork() bool {
	return n.Mode != "host" && !strings.HasPrefix(n.Mode, "container:") && !strings.HasPrefix(n.Mode, "ns:")
}

func checkNetwork(n Network) error {
	if err := checkNetworkMode(n.Mode); err != nil {
		return err
	}
	if len(n.Options) > 0 && n.Mode != "pasta" && n.Mode != "slirp4netns" {
		return invalid("network options are of pasta and slirp4netns; leave them out")
	}
	for _, o := range n.Options {
		if o == "" || hasControl(o) || len(o) > 4096 {
			return invalid("network option %q cannot be given; give options parted by \",\"", clip(o))
		}
	}
	if err := checkPorts(n.Ports); err != nil {
		return err
	}
	for _, e := range n.Expose {
		if full, err := ParseExpose(e); err != nil {
			return err
		} else if full != e {
			return invalid("port %q is not written in full; write %q", e, full)
		}
	}
	for _, h := range n.AddHosts {
		if err := checkAddHost(h); err != nil {
			return err
		}
	}
	if err := checkDNS(n); err != nil {
		return err
	}
	return checkNetworkConflicts(n)
}

func checkNetworkConflicts(n Network) error {
	switch published := len(n.Ports) > 0 || n.PublishAll; {
	case n.NoHosts && len(n.AddHosts) > 0:
		return invalid("--add-host adds to the file that --no-hosts leaves out; give one of them")
	case n.Mode == "host" && published:
		// The same port on both sides is how the host's network is anyway; scripts written for docker do that.
		for _, p := range n.Ports {
			if p.HostIP != "" || p.HostPort != p.ContainerPort {
				return invalid("with --network host the container's ports are the host's; leave out --publish, or --network host")
			}
		}
		if n.PublishAll {
			return invalid("with --network host the container's ports are the host's; leave out --publish-all")
		}
	case n.Mode != "" && n.Mode != "pasta" && n.Mode != "slirp4netns" && published:
		return invalid("ports cannot be published with --network %s; leave out --publish, or --network", n.Mode)
	}
	return nil
}
