package event

import "testing"

func TestFilters(t *testing.T) {
	events := []Event{
		{ID: "c0ffee01", Type: Container, Status: Create, Name: "web", Image: "nginx", Attributes: map[string]string{"tier": "front", "x": ""}},
		{ID: "c0ffee02", Type: Container, Status: Died, Name: "db", Attributes: map[string]string{"tier": "back"}},
		{ID: "c0ffee03", Type: Image, Status: Pull, Name: "nginx"},
		{ID: "c0ffee04", Type: Volume, Status: Create, Name: "data"},
		{ID: "c0ffee05", Type: Network, Status: Remove, Network: "net"},
		{ID: "c0ffee06", Type: Pod, Status: Create, Name: "web"},
	}
	for _, c := range []struct {
		filters []string
		want    string
	}{
		{nil, "c0ffee01 c0ffee02 c0ffee03 c0ffee04 c0ffee05 c0ffee06"},
		{[]string{"container=web"}, "c0ffee01"},
		{[]string{"container=c0ff"}, "c0ffee01 c0ffee02"},
		{[]string{"container=web", "container=db"}, "c0ffee01 c0ffee02"},
		{[]string{"container=web", "event=died"}, ""},
		{[]string{"event=died"}, "c0ffee02"},
		{[]string{"event=die"}, "c0ffee02"},
		{[]string{"status=destroy"}, "c0ffee05"},
		{[]string{"event=create", "type=volume"}, "c0ffee04"},
		{[]string{"image=nginx"}, "c0ffee03"},
		{[]string{"pod=web"}, "c0ffee06"},
		{[]string{"network=net"}, "c0ffee05"},
		{[]string{"volume=data"}, "c0ffee04"},
		{[]string{"label=tier"}, "c0ffee01 c0ffee02"},
		{[]string{"label=tier=back"}, "c0ffee02"},
		{[]string{"label=tier=front", "label=x="}, "c0ffee01"},
		{[]string{"label=tier=front", "label=y"}, ""},
		{[]string{"event=nothing"}, ""},
	} {
		match, err := ParseFilters(c.filters)
		if err != nil {
			t.Errorf("%q: %v", c.filters, err)
			continue
		}
		var got []Event
		for _, e := range events {
			if match(e) {
				got = append(got, e)
			}
		}
		if ids(got) != c.want {
			t.Errorf("%q: %s, want %s", c.filters, ids(got), c.want)
		}
	}
	for filter, want := range map[string]string{
		"web":       `filter "web": a filter is KEY=VALUE`,
		"type=":     `filter "type=": a filter is KEY=VALUE`,
		"size=3":    `filter "size=3": there is no filter "size"; there are container, event, image, label, network, pod, type, volume`,
		"type=ship": `filter "type=ship": there is no type "ship"; there are container, image, network, pod, system, volume`,
	} {
		if _, err := ParseFilters([]string{filter}); err == nil || err.Error() != want {
			t.Errorf("%s: %v", filter, err)
		}
	}
}

func TestDocker(t *testing.T) {
	for _, c := range []struct {
		e    Event
		want string
	}{
		{Event{Type: Container, Status: Create}, "create"},
		{Event{Type: Container, Status: Died}, "die"},
		{Event{Type: Container, Status: Remove}, "destroy"},
		{Event{Type: Image, Status: Remove}, "delete"},
		{Event{Type: Network, Status: Remove}, "remove"},
		{Event{Type: Volume, Status: Remove}, "destroy"},
		{Event{Type: Container, Status: Exec}, "exec_start"},
		{Event{Type: Container, Status: ExecDied}, "exec_die"},
		{Event{Type: Image, Status: LoadFromArchive}, "load"},
		{Event{Type: Container, Status: HealthStatus, HealthStatus: "healthy"}, "health_status: healthy"},
		{Event{Type: Container, Status: Cleanup}, ""},
		{Event{Type: Container, Status: Init}, ""},
		{Event{Type: Pod, Status: Create}, ""},
	} {
		if got, ok := c.e.Docker(); got != c.want || ok != (got != "") {
			t.Errorf("%s %s: %q, %v", c.e.Type, c.e.Status, got, ok)
		}
	}
}
