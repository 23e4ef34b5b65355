package build

import (
	"errors"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// attribute is an extended attribute.
type attribute struct{ name, value string }

// attributes are those of an entry that an image keeps: user attributes, but for overlay's own, and capabilities.
func (l *listing) attributes(e entry) ([]attribute, error) {
	if kind := e.kind(); kind != unix.S_IFREG && kind != unix.S_IFDIR || l.tree.foreign {
		return nil, nil
	}
	f, err := l.open(e.rel, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return attributesOf(f)
}

func attributesOf(f *os.File) ([]attribute, error) {
	size, err := unix.Flistxattr(int(f.Fd()), nil)
	if err != nil || size == 0 {
		if errors.Is(err, unix.ENOTSUP) {
			err = nil
		}
		return nil, err
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(int(f.Fd()), list); err != nil {
		return nil, err
	}
	var out []attribute
	for _, name := range strings.Split(strings.TrimRight(string(list[:size]), "\x00"), "\x00") {
		if !kept(name) {
			continue
		}
		value := make([]byte, 64<<10)
		n, err := unix.Fgetxattr(int(f.Fd()), name, value)
		if err != nil {
			return nil, &os.PathError{Op: "read attribute " + name + " of", Path: f.Name(), Err: err}
		}
		out = append(out, attribute{name, string(value[:n])})
	}
	slices.SortFunc(out, func(a, b attribute) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func kept(name string) bool {
	return name == "security.capability" || strings.HasPrefix(name, "user.") && !strings.HasPrefix(name, "user.overlay.")
}
