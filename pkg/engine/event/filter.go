package event

import (
	"fmt"
	"slices"
	"strings"
)

// ParseFilters gives the predicate of filters, each KEY=VALUE. Several values of one key are alternatives; of label all
// must hold; different keys must all hold. No filters match everything. The keys are those of podman-events(1):
//
//	container, image, network, pod, volume   name, or beginning of the id, of what the event is about
//	event     what happened, in podman's or docker's word (died or die)
//	label     KEY or KEY=VALUE
//	type      container, image, network, pod, system or volume
func ParseFilters(filters []string) (func(Event) bool, error) {
	byKey := map[string][]func(Event) bool{}
	for _, text := range filters {
		key, value, ok := strings.Cut(text, "=")
		if !ok || value == "" {
			return nil, fmt.Errorf("filter %q: a filter is KEY=VALUE", text)
		}
		match, err := parseFilter(key, value)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", text, err)
		}
		byKey[key] = append(byKey[key], match)
	}
	return func(e Event) bool {
		for key, matches := range byKey {
			holds := func(m func(Event) bool) bool { return m(e) }
			fails := func(m func(Event) bool) bool { return !m(e) }
			if key == "label" && slices.ContainsFunc(matches, fails) || !slices.ContainsFunc(matches, holds) {
				return false
			}
		}
		return true
	}, nil
}

func parseFilter(key, value string) (func(Event) bool, error) {
	switch key {
	case Container, Image, Network, Pod, Volume:
		return func(e Event) bool { return e.Type == key && names(e, value) }, nil
	case "event", "status":
		status := fromDocker(value)
		return func(e Event) bool { return e.Status == value || e.Status == status }, nil
	case "label":
		name, want, exact := strings.Cut(value, "=")
		return func(e Event) bool {
			got, ok := e.Attributes[name]
			return ok && (!exact || got == want)
		}, nil
	case "type":
		return func(e Event) bool { return e.Type == value }, checkType(value)
	}
	return nil, fmt.Errorf("there is no filter %q; there are container, event, image, label, network, pod, type, volume", key)
}

func names(e Event, value string) bool {
	return e.Name == value || e.Type == Network && e.Network == value || strings.HasPrefix(e.ID, value)
}

func checkType(value string) error {
	types := []string{Container, Image, Network, Pod, System, Volume}
	if slices.Contains(types, value) {
		return nil
	}
	return fmt.Errorf("there is no type %q; there are %s", value, strings.Join(types, ", "))
}

// fromDocker gives podman's word for docker's.
func fromDocker(word string) Status {
	switch word {
	case "die":
		return Died
	case "destroy", "delete":
		return Remove
	case "exec_die":
		return ExecDied
	case "exec_start":
		return Exec
	case "load":
		return LoadFromArchive
	}
	return word
}

// Docker gives the event in docker's words, or false for one that docker does not report.
func (e Event) Docker() (action string, ok bool) {
	if e.Type == System || e.Type == Pod {
		return "", false
	}
	switch e.Status {
	case Died:
		return "die", true
	case Remove:
		if e.Type == Image {
			return "delete", true
		}
		if e.Type == Network {
			return "remove", true
		}
		return "destroy", true
	case ExecDied:
		return "exec_die", true
	case Exec:
		return "exec_start", true
	case LoadFromArchive:
		return "load", true
	case HealthStatus:
		return "health_status: " + e.HealthStatus, true
	case Init, Cleanup, Sync, Refresh, PullError, Build:
		return "", false
	}
	return e.Status, true
}
