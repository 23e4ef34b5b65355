package container

import (
	"encoding/json"
	"strconv"
	"strings"
)

// SetOption reads one value of --security-opt. The profile of seccomp=FILE is read by readFile.
func (s *Security) SetOption(opt string, readFile func(path string) (string, error)) error {
	i := strings.IndexAny(opt, "=:")
	key, value := opt, ""
	if i >= 0 {
		key, value = opt[:i], opt[i+1:]
	}
	if key == "no-new-privileges" {
		return s.setNoNewPrivileges(value)
	}
	if value == "" {
		return invalid("%q has no value; give KEY=VALUE", clip(opt))
	}
	switch key {
	case "seccomp":
		return s.setSeccomp(value, readFile)
	case "apparmor":
		s.AppArmor = value
	case "label":
		s.Label = append(s.Label, value)
	case "mask":
		s.Mask = append(s.Mask, strings.Split(value, ":")...)
	case "unmask":
		if strings.EqualFold(value, "all") {
			value = "ALL"
		}
		s.Unmask = append(s.Unmask, strings.Split(value, ":")...)
	case "proc-opts":
		s.ProcOptions = append(s.ProcOptions, strings.Split(value, ",")...)
	case "systempaths":
		if value != "unconfined" {
			return invalid("systempaths=%s is not known; give systempaths=unconfined", clip(value))
		}
		s.Unmask = append(s.Unmask, "ALL")
	default:
		return invalid("security option %q is not known; give one of no-new-privileges, seccomp, apparmor, label, mask, unmask, proc-opts, systempaths", clip(key))
	}
	return checkSecurity(*s)
}

func (s *Security) setNoNewPrivileges(value string) (err error) {
	s.NoNewPrivileges = true
	if value != "" {
		if s.NoNewPrivileges, err = strconv.ParseBool(value); err != nil {
			return invalid("no-new-privileges=%s is neither true nor false; give one of them", clip(value))
		}
	}
	return nil
}

func (s *Security) setSeccomp(value string, readFile func(string) (string, error)) (err error) {
	switch value {
	case "unconfined":
		s.Seccomp = value
		return nil
	case "builtin", "default":
		s.Seccomp = ""
		return nil
	}
	text, err := readFile(value)
	if err != nil {
		return err
	}
	if !json.Valid([]byte(text)) {
		return invalid("%q is not JSON; give a seccomp profile in docker's format, or unconfined", clip(value))
	}
	s.Seccomp = text
	return nil
}

func checkSecurity(s Security) error {
	if s.Seccomp != "" && s.Seccomp != "unconfined" && !json.Valid([]byte(s.Seccomp)) {
		return invalid("the seccomp profile is not JSON; give a profile in docker's format, or unconfined")
	}
	if hasControl(s.AppArmor) || strings.ContainsAny(s.AppArmor, " \"'") || len(s.AppArmor) > maxName {
		return invalid("%q is not the name of an AppArmor profile; give a loaded profile, or unconfined", clip(s.AppArmor))
	}
	for _, l := range s.Label {
		key, _, _ := strings.Cut(l, ":")
		switch key {
		case "user", "role", "type", "level", "filetype", "disable", "nested":
		default:
			return invalid("label %q is not known; give disable, or user:, role:, type:, level: or filetype: and a value", clip(l))
		}
	}
	for _, p := range append(append([]string(nil), s.Mask...), s.Unmask...) {
		if p != "ALL" && (!strings.HasPrefix(p, "/") || strings.Contains(p, "..") || strings.IndexByte(p, 0) >= 0) {
			return invalid("%q is not an absolute path; give paths parted by \":\", or ALL for unmask", clip(p))
		}
	}
	for _, p := range s.Mask {
		if p == "ALL" {
			return invalid("not everything can be masked; give the paths")
		}
	}
	for _, o := range s.ProcOptions {
		key, value, _ := strings.Cut(o, "=")
		known := key == "hidepid" && strings.Contains(" 0 1 2 4 off noaccess invisible ptraceable ", " "+value+" ") || o == "subset=pid"
		if _, err := strconv.ParseUint(value, 10, 31); key == "gid" && err == nil {
			known = true
		}
		if !known {
			return invalid("%q is not an option of proc(5); give hidepid=, gid= or subset=pid", clip(o))
		}
	}
	return nil
}
