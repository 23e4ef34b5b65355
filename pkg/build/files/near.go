package files

import (
	"path"
	"slices"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/spelling"
	"golang.org/x/sys/unix"
)

// nearMatch puts beside err what else in the directory of name has nearly its name.
func (t *Tree) nearMatch(name string, err error) error {
	dir, base := path.Split(name)
	f, openErr := InRoot(t.Root, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if openErr != nil {
		return err
	}
	defer f.Close()
	names, _ := f.Readdirnames(1000)
	names = slices.DeleteFunc(names, func(n string) bool { return n == base || t.hides(path.Join(dir, n)) })
	near := spelling.Nearest(base, names)
	if near == "" {
		return err
	}
	return hint.Wrap(err, "did you mean "+path.Join(dir, near)+"?")
}
