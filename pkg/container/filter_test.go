package container

import (
	"errors"
	"strings"
	"testing"
	"time"
)

var filterTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func filterFacts() FilterFacts {
	return FilterFacts{
		Time: func(s string) (time.Time, error) {
			if s == "noon" {
				return filterTime.Add(12 * time.Hour), nil
			}
			return time.Time{}, errors.New("no time")
		},
		Find: func(name string) (*Config, error) {
			if name == "two" {
				return &Config{Created: filterTime.Add(time.Hour)}, nil
			}
			return nil, errors.New("no such container")
		},
	}
}

// The four containers the filters choose from.
func filtered() []struct {
	c *Config
	s State
} {
	return []struct {
		c *Config
		s State
	}{
		{&Config{
			ID: "aa11", Name: "one", Created: filterTime, Labels: map[string]string{"a": "1", "b": ""},
			Image:  Image{Name: "reg.test:5000/lib/web:1.2", ID: "c0ffee00c0ffee", ExposedPorts: []string{"53/udp"}},
			Mounts: []Mount{{Source: "/src", Destination: "/dst"}}, Network: Network{Mode: "host"},
			Restart: Restart{Policy: RestartAlways},
		}, State{Status: StatusRunning}},
		{&Config{
			ID: "aa22", Name: "two", Created: filterTime.Add(time.Hour), Labels: map[string]string{"a": "2"},
			Image:   Image{Name: "docker.test/lib/db:latest", ID: "beef0000beef00"},
			Network: Network{Ports: []Port{{ContainerPort: 80, Count: 3, Protocol: "tcp", HostPort: 1}}},
			Restart: Restart{Policy: RestartOnFailure, Max: 3},
		}, State{Status: StatusExited, ExitCode: 3}},
		{&Config{ID: "bb33", Name: "twofold", Created: filterTime.Add(24 * time.Hour)}, State{Status: StatusExited, ExitCode: 9}},
		{&Config{ID: "cc44", Name: "x"}, State{Status: StatusDamaged}},
	}
}

func TestFilters(t *testing.T) {
	cases := []struct{ filters, want string }{
		{"", "one two twofold x"},
		{"id=aa", "one two"},
		{"id=aa id=bb", "one two twofold"},
		{"id=a2", ""},
		{"name=two", "two twofold"},
		{"name=^two$", "two"},
		{"name=^/two$", "two"},
		{"name=one name=fold", "one twofold"},
		{"label=a", "one two"},
		{"label=a=1", "one"},
		{"label=a label=b", "one"},
		{"label=a=1 label=a=2", ""},
		{"label=b=", "one"},
		{"label!=a", "twofold x"},
		{"label!=a=1", "two twofold x"},
		{"label=a label!=b", "two"},
		{"exited=3", "two"},
		{"exited=0", ""},
		{"exited=0 exited=3", "two"},
		{"status=running", "one"},
		{"status=exited status=running", "one two twofold"},
		{"status=stopped", "two twofold"},
		{"status=dead", "x"},
		{"status=unknown", "x"},
		{"status=created", ""},
		{"status=configured", ""},
		{"ancestor=web", "one"},
		{"ancestor=lib/web:1.2", "one"},
		{"ancestor=web:1", ""},
		{"ancestor=reg.test:5000/lib/web", "one"},
		{"ancestor=c0ffee00c0ff", "one"},
		{"ancestor=sha256:beef0000beef", "two"},
		{"ancestor=beef", ""},
		{"ancestor=b", ""},
		{"ancestor=eb", ""},
		{"ancestor=", ""},
		{"before=two", "one"},
		{"since=two", "twofold"},
		{"until=noon", "one two"},
		{"restart-policy=always", "one"},
		{"restart-policy=on-failure", "two"},
		{"restart-policy=on-failure:3", "two"},
		{"restart-policy=on-failure:4", ""},
		{"volume=/src", "one"},
		{"volume=/dst", "one"},
		{"volume=src", ""},
		{"health=none", "one two twofold x"},
		{"health=healthy", ""},
		{"pod=p", ""},
		{"network=host", "one"},
		{"network=default", "two twofold x"},
		{"network=host network=default", "one two twofold x"},
		{"publish=82", "two"},
		{"publish=83", ""},
		{"publish=70-80/tcp", "two"},
		{"publish=80/udp", ""},
		{"publish=53/udp", ""},
		{"expose=53/udp", "one"},
		{"expose=81", "two"},
		{"expose=50-60/udp", "one"},
		{"name=two exited=3", "two"},
		{"name=two status=running", ""},
	}
	for _, c := range cases {
		match, err := ParseFilters(strings.Fields(c.filters), filterFacts())
		if err != nil {
			t.Errorf("%q: %v", c.filters, err)
			continue
		}
		var names []string
		for _, f := range filtered() {
			if match(f.c, f.s) {
				names = append(names, f.c.Name)
			}
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%q: got %q, want %q", c.filters, got, c.want)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	cases := map[string]string{
		"name":             `filter "name": a filter is KEY=VALUE`,
		"foo=bar":          `filter "foo=bar": there is no filter "foo"; there are ` + filterKeys,
		"name!=x":          `filter "name!=x": only label can be negated`,
		"name=[":           "filter \"name=[\": \"[\" is no regular expression: error parsing regexp: missing closing ]: `[`",
		"exited=x":         `filter "exited=x": an exit code is 0 to 255, or -1 for one that is not known`,
		"exited=256":       `filter "exited=256": an exit code is 0 to 255, or -1 for one that is not known`,
		"status=nope":      `filter "status=nope": a container is created, initialized, running, paused, restarting, stopping, exited, removing or damaged`,
		"before=nope":      `filter "before=nope": no such container`,
		"until=zz":         `filter "until=zz": no time`,
		"health=x":         `filter "health=x": health is starting, healthy, unhealthy or none`,
		"restart-policy=x": `filter "restart-policy=x": restart policy "x" is not known; give "no", "on-failure", "always" or "unless-stopped"`,
		"publish=9-1":      `filter "publish=9-1": a port is PORT[-PORT][/PROTOCOL], each port 0 to 65535`,
		"expose=99999":     `filter "expose=99999": a port is PORT[-PORT][/PROTOCOL], each port 0 to 65535`,
	}
	for filter, want := range cases {
		if _, err := ParseFilters([]string{filter}, filterFacts()); err == nil || err.Error() != want {
			t.Errorf("%s: got %v\nwant %s", filter, err, want)
		}
	}
}

func TestFiltersNameStates(t *testing.T) {
	if !FiltersNameStates([]string{"name=x", "status=exited"}) || FiltersNameStates([]string{"name=status="}) {
		t.Error("wrong")
	}
}

func FuzzParseFilters(f *testing.F) {
	for _, seed := range []string{"name=x", "label!=a=b", "publish=1-2/udp", "status=", "=", "ancestor=:/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		match, err := ParseFilters([]string{s}, filterFacts())
		if (match == nil) == (err == nil) {
			t.Fatalf("%q: a predicate and an error, or neither", s)
		}
		if match != nil {
			for _, c := range filtered() {
				match(c.c, c.s)
			}
		}
	})
}
