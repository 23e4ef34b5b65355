package container

import (
	"encoding/csv"
	"strconv"
	"strings"
)

// ParseMount reads the value of --mount: KEY=VALUE and words, parted by commas, with "type" bind (when left out) or
// tmpfs. A source that begins with "." is taken relative to dir.
func ParseMount(s, dir string) (Mount, error) {
	fields, err := csv.NewReader(strings.NewReader(s)).Read()
	if err != nil {
		return Mount{}, invalid("%q cannot be read; give KEY=VALUE,... such as type=bind,source=/a,target=/b", clip(s))
	}
	m := Mount{Type: MountBind}
	for _, field := range fields {
		if key, value, _ := strings.Cut(field, "="); strings.ToLower(key) == "type" {
			m.Type = MountType(value)
		}
	}
	if m.Type != MountBind && m.Type != MountTmpfs {
		return Mount{}, invalid("mount type %q cannot be given; give type=bind or type=tmpfs", clip(string(m.Type)))
	}
	for _, field := range fields {
		if err := m.setField(field, dir); err != nil {
			return Mount{}, err
		}
	}
	if m.Type == MountBind && m.Source == "" {
		return Mount{}, invalid("a bind mount needs a source; add source=HOST-PATH")
	}
	if m.Destination == "" {
		return Mount{}, invalid("%q says nothing about where; add target=PATH", clip(s))
	}
	return m, checkMount(m)
}

func (m *Mount) setField(field, dir string) (err error) {
	key, value, hasValue := strings.Cut(field, "=")
	switch key = strings.ToLower(key); key {
	case "type":
		return nil
	case "source", "src":
		if m.Type == MountBind {
			m.Source, err = hostPath(value, dir)
			return err
		}
		m.Source = value
		return nil
	case "target", "dst", "destination":
		m.Destination = cleanDestination(value)
		return nil
	case "consistency":
		m.addOption("consistent")
		return nil
	}
	switch key {
	case "readonly", "ro", "rw", "u", "chown", "bind-nonrecursive", "tmpcopyup", "notmpcopyup":
		return m.setSwitch(key, value, hasValue)
	}
	if m.Type == MountTmpfs {
		return m.setTmpfsField(field, key, value)
	}
	return m.setBindField(field, key, value)
}

// setSwitch is about keys that stand alone or have a truth value.
func (m *Mount) setSwitch(key, value string, hasValue bool) error {
	on := true
	if hasValue {
		var err error
		if on, err = strconv.ParseBool(value); err != nil {
			return invalid("%s=%q is neither true nor false; give one of them", key, clip(value))
		}
	}
	switch key {
	case "readonly", "ro":
		m.ReadOnly = on
		return nil
	case "rw":
		m.ReadOnly = !on
		return nil
	}
	if !on {
		return nil
	}
	switch key {
	case "u", "chown":
		m.addOption("U")
	case "bind-nonrecursive":
		m.addOption("bind")
	default:
		m.addOption(key)
	}
	return nil
}

func (m *Mount) setTmpfsField(field, key, value string) error {
	switch key {
	case "tmpfs-size":
		m.addOption("size=" + value)
	case "tmpfs-mode":
		m.addOption("mode=" + value)
	default:
		m.addOption(field)
	}
	return nil
}

func (m *Mount) setBindField(field, key, value string) error {
	switch key {
	case "bind-propagation":
		if !isPropagation(value) {
			return invalid("bind-propagation %q is not known; give one of private, rprivate, slave, rslave, shared, rshared", clip(value))
		}
		m.addOption(value)
	case "bind-recursive":
		switch value {
		case "enabled":
			m.addOption("rbind")
		case "disabled":
			m.addOption("bind")
		default:
			return invalid("bind-recursive %q cannot be given; give enabled or disabled", clip(value))
		}
	case "relabel":
		switch value {
		case "shared":
			m.addOption("z")
		case "private":
			m.addOption("Z")
		default:
			return invalid("relabel %q is not known; give shared or private", clip(value))
		}
	default:
		m.addOption(field)
	}
	return nil
}
