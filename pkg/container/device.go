package container

import (
	"path"
	"strconv"
	"strings"
)

// ParseDevice reads the value of --device: HOST-PATH[:PATH][:PERMISSIONS], where permissions are some of "rwm", all
// of them when left out; or VENDOR/CLASS=NAME.
func ParseDevice(s string) (Device, error) {
	if !strings.HasPrefix(s, "/") {
		return Device{CDI: s}, checkDevice(Device{CDI: s})
	}
	parts := strings.Split(s, ":")
	d := Device{Source: path.Clean(parts[0]), Destination: path.Clean(parts[0]), Permissions: "rwm"}
	switch {
	case len(parts) > 3:
		return Device{}, invalid("%q has too many colons; give HOST-PATH[:PATH][:PERMISSIONS]", clip(s))
	case len(parts) == 3:
		d.Destination, d.Permissions = cleanDestination(parts[1]), parts[2]
	case len(parts) == 2 && strings.HasPrefix(parts[1], "/"):
		d.Destination = path.Clean(parts[1])
	case len(parts) == 2:
		d.Permissions = parts[1]
	}
	return d, checkDevice(d)
}

// ParseGPUs reads the value of --gpus: "all", how many, or device=NAME[,NAME...], each a device of the kind that NVIDIA's container toolkit describes
// (nvidia-ctk cdi generate). Quotes may be around a list, since docker needs them.
func ParseGPUs(s string) ([]Device, error) {
	const kind = "nvidia.com/gpu="
	value := strings.Trim(s, `"`)
	if count, err := strconv.ParseUint(value, 10, 8); err == nil {
		var out []Device
		for n := range count {
			out = append(out, Device{CDI: kind + strconv.FormatUint(n, 10)})
		}
		return out, nil
	}
	names := []string{value}
	if list, ok := strings.CutPrefix(value, "device="); ok {
		names = strings.Split(list, ",")
	}
	var out []Device
	for _, name := range names {
		d := Device{CDI: kind + name}
		if checkDevice(d) != nil {
			return nil, invalid("%q names no GPUs; give all, how many, or device=0,1", clip(s))
		}
		out = append(out, d)
	}
	return out, nil
}

func checkDevice(d Device) error {
	if d.CDI != "" {
		if !qualified(d.CDI) {
			return invalid("%q is no device; give the absolute path of one, such as /dev/fuse, or its name in a CDI specification, such as nvidia.com/gpu=all", clip(d.CDI))
		}
		return nil
	}
	if !strings.HasPrefix(d.Source, "/") || strings.IndexByte(d.Source, 0) >= 0 || path.Clean(d.Source) != d.Source {
		return invalid("%q is not an absolute path; give the path of a device of this host", clip(d.Source))
	}
	if err := checkDestination(d.Destination); err != nil {
		return err
	}
	if !d.Replaceable() {
		return invalid("every container has its own %q; give another path inside the container", clip(d.Destination))
	}
	if d.Permissions == "" || strings.Trim(d.Permissions, "rwm") != "" || len(d.Permissions) > 3 {
		return invalid("device permissions %q are not some of r, w and m; give for example rw", clip(d.Permissions))
	}
	return nil
}

// qualified reports whether s is the full name of a CDI device (SPEC.md of the Container Device Interface, "CDI Device names").
func qualified(s string) bool {
	kind, name, _ := strings.Cut(s, "=")
	vendor, class, _ := strings.Cut(kind, "/")
	return isCDIWord(vendor, "_-.") && isCDIWord(class, "_-.") && isLetter(vendor[0]) && isLetter(class[0]) && isCDIWord(name, "_-.:")
}

// isCDIWord reports whether s is letters and digits, with the marks only between them.
func isCDIWord(s, marks string) bool {
	for i := range len(s) {
		alphanumeric := isLetter(s[i]) || s[i] >= '0' && s[i] <= '9'
		inside := i > 0 && i < len(s)-1
		if !alphanumeric && !(inside && strings.IndexByte(marks, s[i]) >= 0) {
			return false
		}
	}
	return s != ""
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// Replaceable reports whether the destination is a place that neither the kernel's file systems nor the devices every
// container has of its own take up.
func (d Device) Replaceable() bool {
	return Mount{Type: MountBind, Destination: d.Destination}.mayReplaceKernelPath()
}
