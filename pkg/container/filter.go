package container

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Match says whether a container is one of those asked for.
type Match func(*Config, State) bool

// FilterFacts are what the values of filters are read with.
type FilterFacts struct {
	// Time reads the value of until.
	Time func(string) (time.Time, error)
	// Find gives the container that before and since name.
	Find func(nameOrID string) (*Config, error)
}

// ParseFilters gives the predicate of filters, each KEY=VALUE, as ps takes them. Several values of one key are
// alternatives; of label and label! all must hold; different keys must all hold. No filters match everything. The keys
// are those of podman-ps(1) and docker ps:
//
//	ancestor  image name (its tag may be left out) or at least 12 digits of its id
//	before, since  made before or after this container
//	exited    exit code of a container that has ended
//	expose, publish  PORT[-PORT][/PROTOCOL]
//	health    starting, healthy, unhealthy or none
//	id        prefix of the id
//	label, label!  KEY or KEY=VALUE
//	name      regular expression, matched anywhere in the name
//	network   the mode of the network, or default
//	pod       name or id of a pod
//	restart-policy  no, on-failure[:MAX], always or unless-stopped
//	status    as in State.Status, in podman's or docker's words
//	until     made before this point in time
//	volume    the source or the destination of a mount
func ParseFilters(filters []string, f FilterFacts) (Match, error) {
	byKey := map[string][]Match{}
	for _, text := range filters {
		key, value, ok := strings.Cut(text, "=")
		if strings.HasSuffix(key, "!") && key != "label!" {
			return nil, fmt.Errorf("filter %q: only label can be negated", text)
		}
		if !ok {
			return nil, fmt.Errorf("filter %q: a filter is KEY=VALUE", text)
		}
		match, err := parseFilter(key, value, f)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", text, err)
		}
		byKey[key] = append(byKey[key], match)
	}
	return func(c *Config, s State) bool {
		for key, matches := range byKey {
			holds := func(m Match) bool { return m(c, s) }
			if strings.HasPrefix(key, "label") {
				if slices.ContainsFunc(matches, func(m Match) bool { return !holds(m) }) {
					return false
				}
			} else if !slices.ContainsFunc(matches, holds) {
				return false
			}
		}
		return true
	}, nil
}

// FiltersNameStates reports whether filters ask for states, so that ps shows containers that do not run without --all.
func FiltersNameStates(filters []string) bool {
	return slices.ContainsFunc(filters, func(f string) bool {
		return strings.HasPrefix(f, "status=") || strings.HasPrefix(f, "exited=")
	})
}

const filterKeys = "ancestor, before, exited, expose, health, id, label, label!, name, network, pod, publish, restart-policy, since, status, until, volume"

func parseFilter(key, value string, f FilterFacts) (Match, error) {
	switch key {
	case "id":
		return func(c *Config, _ State) bool { return strings.HasPrefix(c.ID, value) }, nil
	case "name":
		return filterName(value)
	case "label":
		return func(c *Config, _ State) bool { return hasLabel(c, value) }, nil
	case "label!":
		return func(c *Config, _ State) bool { return !hasLabel(c, value) }, nil
	case "exited":
		return filterExited(value)
	case "status":
		return filterStatus(value)
	case "ancestor":
		return func(c *Config, _ State) bool { return isImage(c.Image, value) }, nil
	case "before", "since", "until":
		return filterCreated(key, value, f)
	case "volume":
		return func(c *Config, _ State) bool { return hasMount(c, value) }, nil
	case "health":
		return filterHealth(value)
	case "pod":
		// A container is in no pod yet, and no pod has this name then.
		return func(*Config, State) bool { return false }, nil
	case "network":
		return func(c *Config, _ State) bool { return inNetwork(c.Network, value) }, nil
	case "publish", "expose":
		return filterPort(key, value)
	case "restart-policy":
		return filterRestart(value)
	}
	return nil, fmt.Errorf("there is no filter %q; there are %s", key, filterKeys)
}

func filterName(value string) (Match, error) {
	expr, err := regexp.Compile(value)
	if err != nil {
		return nil, fmt.Errorf("%q is no regular expression: %w", value, err)
	}
	// Docker's names begin with a slash, and its users write ^/name$.
	return func(c *Config, _ State) bool { return expr.MatchString(c.Name) || expr.MatchString("/"+c.Name) }, nil
}

func hasLabel(c *Config, value string) bool {
	key, want, exact := strings.Cut(value, "=")
	got, ok := c.Labels[key]
	return ok && (!exact || got == want)
}

func filterExited(value string) (Match, error) {
	code, err := strconv.Atoi(value)
	if err != nil || code < -1 || code > 255 {
		return nil, fmt.Errorf("an exit code is 0 to 255, or -1 for one that is not known")
	}
	return func(_ *Config, s State) bool { return s.Status == StatusExited && s.ExitCode == code }, nil
}

func filterRestart(value string) (Match, error) {
	want, err := ParseRestart(value)
	if err != nil {
		return nil, err
	}
	return func(c *Config, _ State) bool {
		return c.Restart.Policy == want.Policy && (want.Max == 0 || c.Restart.Max == want.Max)
	}, nil
}

func filterStatus(value string) (Match, error) {
	want := Status(value)
	switch value {
	case "configured":
		want = StatusCreated
	case "stopped":
		want = StatusExited
	case "unknown", "dead":
		want = StatusDamaged
	}
	switch want {
	case StatusCreated, StatusInitialized, StatusRunning, StatusPaused, StatusRestarting, StatusStopping, StatusExited,
		StatusRemoving, StatusDamaged:
		return func(_ *Config, s State) bool { return s.Status == want }, nil
	}
	return nil, fmt.Errorf("a container is created, initialized, running, paused, restarting, stopping, exited, removing or damaged")
}

// isImage reports whether name can mean the image: 12 or more digits of the id, the whole name, or a trailing part of it at
// a slash, each with or without the tag. Fewer digits would let "db" match any image whose id begins so, and filters choose
// what rm removes.
func isImage(i Image, name string) bool {
	if id := strings.TrimPrefix(name, "sha256:"); len(id) >= 12 && strings.HasPrefix(i.ID, id) {
		return true
	}
	untagged := i.Name
	if colon := strings.LastIndexByte(i.Name, ':'); colon > strings.LastIndexByte(i.Name, '/') {
		untagged = i.Name[:colon]
	}
	for _, full := range []string{i.Name, untagged} {
		if name != "" && (full == name || strings.HasSuffix(full, "/"+name)) {
			return true
		}
	}
	return false
}

func filterCreated(key, value string, f FilterFacts) (Match, error) {
	if key == "until" {
		limit, err := f.Time(value)
		if err != nil {
			return nil, err
		}
		return func(c *Config, _ State) bool { return madeBefore(c, limit) }, nil
	}
	other, err := f.Find(value)
	if err != nil {
		return nil, err
	}
	if key == "before" {
		return func(c *Config, _ State) bool { return madeBefore(c, other.Created) }, nil
	}
	return func(c *Config, _ State) bool { return c.Created.After(other.Created) }, nil
}

// madeBefore is false of a damaged container, of which nobody knows when it was made.
func madeBefore(c *Config, t time.Time) bool { return !c.Created.IsZero() && c.Created.Before(t) }

func hasMount(c *Config, value string) bool {
	return slices.ContainsFunc(c.Mounts, func(m Mount) bool { return m.Source == value || m.Destination == value })
}

func filterHealth(value string) (Match, error) {
	switch value {
	case "none":
		return func(*Config, State) bool { return true }, nil
	case "starting", "healthy", "unhealthy":
		return func(*Config, State) bool { return false }, nil
	}
	return nil, fmt.Errorf("health is starting, healthy, unhealthy or none")
}

func inNetwork(n Network, value string) bool {
	if !n.Bridged() {
		return n.Mode == value
	}
	return slices.ContainsFunc(n.Endpoints(), func(e Endpoint) bool { return e.Network == NetworkName(value) })
}

// filterPort reads PORT[-PORT][/PROTOCOL]; the protocol is tcp by default.
func filterPort(key, value string) (Match, error) {
	ports, protocol, ok := strings.Cut(value, "/")
	if !ok {
		protocol = "tcp"
	}
	low, high, ranged := strings.Cut(ports, "-")
	if !ranged {
		high = low
	}
	first, err1 := strconv.ParseUint(low, 10, 16)
	last, err2 := strconv.ParseUint(high, 10, 16)
	if err1 != nil || err2 != nil || first > last {
		return nil, fmt.Errorf("a port is PORT[-PORT][/PROTOCOL], each port 0 to 65535")
	}
	return func(c *Config, _ State) bool {
		published := slices.ContainsFunc(c.Network.Ports, func(p Port) bool {
			end := uint64(p.ContainerPort) + uint64(max(p.Count, 1)) - 1
			return p.Protocol == protocol && uint64(p.ContainerPort) <= last && end >= first
		})
		return published || key == "expose" && exposes(c, first, last, protocol)
	}, nil
}

func exposes(c *Config, first, last uint64, protocol string) bool {
	return slices.ContainsFunc(slices.Concat(c.Image.ExposedPorts, c.Network.Expose), func(entry string) bool {
		port, proto, _ := strings.Cut(entry, "/")
		n, err := strconv.ParseUint(port, 10, 16)
		return err == nil && proto == protocol && first <= n && n <= last
	})
}
