package layertar

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// scan reads a layer the way the unpacker does, with the same package, and refuses what must not be unpacked.
func scan(r io.Reader, k kind, b *Budget, found *Found) error {
	entries := tar.NewReader(r)
	for n := 1; ; n++ {
		h, err := entries.Next()
		if errors.Is(err, io.EOF) {
			// What follows the end of the archive belongs to the layer's digest.
			_, err = io.Copy(io.Discard, r)
			return err
		}
		if err != nil {
			return fmt.Errorf("the %s is not a tar archive that can be read: %v", k.word, err) //nolint:errorlint // the layer's fault, not the connection's
		}
		if n > maxEntries {
			return fmt.Errorf("the %s has more than %d entries", k.word, maxEntries)
		}
		if err := b.File(h.Size); err != nil {
			return err
		}
		if k.acceptable != nil {
			if err := k.acceptable(h); err != nil {
				return fmt.Errorf("the %s's entry %s %w", k.word, shown(h.Name), err)
			}
		}
		if (h.Typeflag == tar.TypeChar || h.Typeflag == tar.TypeBlock) && (h.Devmajor != 0 || h.Devminor != 0) {
			found.Devices.Add(1)
		}
	}
}

// acceptable gives the reason why an entry is refused, as the end of a sentence.
func acceptable(h *tar.Header) error {
	switch {
	case len(h.Name) > maxName || len(h.Linkname) > maxName:
		return fmt.Errorf("has a name of more than %d bytes", maxName)
	case strings.Count(h.Name, "/") > maxDepth:
		return fmt.Errorf("lies more than %d directories deep", maxDepth)
	case strings.ContainsRune(h.Name, 0) || strings.ContainsRune(h.Linkname, 0):
		return errors.New("has a name with a zero byte")
	case outside(h.Name):
		return errors.New("lies outside of the image")
	case h.Typeflag == tar.TypeLink && outside(h.Linkname):
		return fmt.Errorf("is a hard link to %s, outside of the image", shown(h.Linkname))
	case path.Clean("/"+h.Name) == "/" && h.Typeflag != tar.TypeDir && h.Typeflag != tar.TypeXGlobalHeader:
		return errors.New("is the image's root, but no directory")
	case h.Size < 0:
		return errors.New("has a negative size")
	case h.Uid < 0 || h.Gid < 0:
		return errors.New("has a negative owner")
	}
	if err := whiteout(h.Name); err != nil {
		return err
	}
	return attributes(h)
}

// outside reports whether a path leads out of the directory that it is resolved in, symbolic links apart.
func outside(name string) bool {
	clean := path.Clean(name)
	return clean == ".." || strings.HasPrefix(clean, "../")
}

// whiteout refuses what removes nothing, or more than the entry beside it (image-spec, layer.md, "Whiteouts").
func whiteout(name string) error {
	const prefix, opaque = ".wh.", ".wh..wh..opq"
	base := path.Base(name)
	hidden, ok := strings.CutPrefix(base, prefix)
	if !ok || base == opaque {
		return nil
	}
	if hidden == "" || hidden == "." || hidden == ".." {
		return errors.New("is a whiteout of no file")
	}
	return nil
}

// attributes refuses extended attributes by which the storage driver keeps its books: a layer with them would forge whiteouts, redirects and
// owners (Documentation/filesystems/overlayfs.rst; containers-storage.conf(5), force_mask).
func attributes(h *tar.Header) error {
	for key := range h.PAXRecords {
		name := strings.TrimPrefix(key, "SCHILY.xattr.")
		for _, private := range []string{"user.overlay.", "trusted.overlay.", "user.containers.", "user.fuseoverlayfs."} {
			if name != key && strings.HasPrefix(name, private) {
				return fmt.Errorf("sets the extended attribute %s, which belongs to the storage driver", shown(name))
			}
		}
	}
	return nil
}

// shown is a name from the layer as a person may see it: quoted, and not too long.
func shown(name string) string {
	const most = 80
	if len(name) > most {
		return fmt.Sprintf("%q…", name[:most])
	}
	return fmt.Sprintf("%q", name)
}
