package container

import (
	"path"
	"strings"
)

// ParseDevice reads the value of --device: HOST-PATH[:PATH][:PERMISSIONS], where permissions are some of "rwm", all
// of them when left out.
func ParseDevice(s string) (Device, error) {
	if !strings.HasPrefix(s, "/") {
		return Device{}, invalid("%q is not a path; give the absolute path of a device, such as /dev/fuse", clip(s))
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

func checkDevice(d Device) error {
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

// Replaceable reports whether the destination is a place that neither the kernel's file systems nor the devices every
// container has of its own take up.
func (d Device) Replaceable() bool {
	return Mount{Type: MountBind, Destination: d.Destination}.mayReplaceKernelPath()
}
