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

// OwnsNetwork reports whether the container has a network namespace that is not shared with anybody.
func (n Network) OwnsNetwork() bool {
	return n.Mode != "host" && !strings.HasPrefix(n.Mode, "container:") && !strings.HasPrefix(n.Mode, "ns:")
}
