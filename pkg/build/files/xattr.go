package files

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// attribute is an extended attribute.
type attribute struct{ name, value string }

// attributes are those of an entry that an image keeps: user attributes, but for those of storage drivers, and capabilities. Of a foreign tree only a
// listing whose contents were read has any: its files are not opened once more to find that they have none.
func (l *Listing) attributes(e entry) ([]attribute, error) {
	switch kind := e.kind(); {
	case kind != unix.S_IFREG && kind != unix.S_IFDIR:
		return nil, nil
	case l.tree.Foreign && (!l.read || kind == unix.S_IFREG && !e.attributed):
		return nil, nil
	}
	fd, err := l.openRaw(e.rel, unix.O_RDONLY)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path.Join(l.name, e.rel), Err: err}
	}
	defer unix.Close(fd)
	attributes, err := attributesOf(fd, l.tree.Foreign)
	if err != nil {
		err = fmt.Errorf("%s: %w", path.Join(l.name, e.rel), err)
	}
	return attributes, err
}

// attributesOf reads attributes; a lenient one leaves out what cannot be read, such as capabilities that are of another user namespace.
func attributesOf(fd int, lenient bool) ([]attribute, error) {
	names, err := attributeNames(fd)
	if err != nil {
		return nil, err
	}
	var out []attribute
	for _, name := range names {
		value := make([]byte, 64<<10)
		n, err := unix.Fgetxattr(fd, name, value)
		switch {
		case err == nil:
			out = append(out, attribute{name, string(value[:n])})
		case !lenient:
			return nil, fmt.Errorf("read attribute %s: %w", name, err)
		}
	}
	return out, nil
}

// attributeNames are the names of the attributes of a file that are kept, sorted.
func attributeNames(fd int) ([]string, error) {
	size, err := unix.Flistxattr(fd, nil)
	if err != nil || size == 0 {
		if errors.Is(err, unix.ENOTSUP) {
			err = nil
		}
		return nil, err
	}
	list := make([]byte, size)
	if size, err = unix.Flistxattr(fd, list); err != nil {
		return nil, err
	}
	names := strings.Split(strings.TrimRight(string(list[:size]), "\x00"), "\x00")
	names = slices.DeleteFunc(names, func(name string) bool { return !kept(name) })
	slices.Sort(names)
	return names, nil
}

// kept reports whether an attribute goes into an image. To those of storage drivers a layer would mean something that its files are not: other owners, hidden
// files.
func kept(name string) bool {
	for _, driver := range []string{"user.overlay.", "user.containers.", "user.fuseoverlayfs."} {
		if strings.HasPrefix(name, driver) {
			return false
		}
	}
	return name == "security.capability" || strings.HasPrefix(name, "user.")
}
