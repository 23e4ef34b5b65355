// Package rotated reads logs whose writer rotates them by renaming: PATH is the newest file, PATH.1 the one before it,
// PATH.2 the one before that. Before it makes a new PATH the writer renames the oldest first, and it never writes to a
// file that has left PATH.
//
// Files are known by inode, not by name, so that names which move while they are read neither hide a file nor show
// it twice.
package rotated

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// maxTries bounds how often names are read again because they moved meanwhile.
const maxTries = 1000

// errMoved says that the names changed between looking and opening.
var errMoved = errors.New("the files are being renamed")

// identity names a file for as long as it exists. The time of birth is there because inode numbers are given again.
type identity struct {
	major, minor uint32
	inode        uint64
	born         unix.StatxTimestamp
}

// Chain is the files of one log, oldest first. It is used by one goroutine and must be closed.
type Chain struct {
	path  string
	keep  int
	files []*os.File // as found by Open
	cur   *os.File   // the newest file given to Follow's caller
	seen  map[identity]bool
}

// Open opens the files at path. Keep is the most files the writer keeps, path included; less than one counts as one.
// That no file exists is not an error.
func Open(path string, keep int) (*Chain, error) {
	c := &Chain{path: path, keep: max(keep, 1), seen: make(map[identity]bool)}
	for range maxTries {
		err := c.openAll()
		if err == nil {
			return c, nil
		}
		c.Close()
		if err != errMoved {
			return nil, err
		}
	}
	return nil, fmt.Errorf("open %q: %w faster than they can be opened", path, errMoved)
}

// Files are the files found by Open, oldest first; the last may still grow. The chain closes them.
func (c *Chain) Files() []*os.File { return c.files }

// Close closes the files.
func (c *Chain) Close() {
	for _, f := range c.files {
		f.Close()
	}
	if c.cur != nil {
		c.cur.Close()
	}
	c.files, c.cur = nil, nil
}

func (c *Chain) openAll() error {
	names, err := c.look()
	if err != nil {
		return err
	}
	for i := len(names) - 1; i >= 0; i-- {
		f, err := openAs(names[i])
		if err != nil {
			return err
		}
		c.files = append(c.files, f)
	}
	return nil
}

// found is one name and the file that had it.
type found struct {
	name string
	id   identity
}

// look lists the files from the newest to the oldest. Names are read upwards and files move upwards only: so none is
// missed, a file seen twice is seen twice in a row, and the order is right although it is not taken at one moment.
func (c *Chain) look() ([]found, error) {
	var list []found
	for i := 0; i <= c.keep; i++ { // one more than are kept: a writer may make the new before it removes the oldest
		name := c.name(i)
		id, err := identify(unix.AT_FDCWD, name)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "stat", Path: name, Err: err}
		}
		if n := len(list); n > 0 && list[n-1].id == id {
			list[n-1].name = name
			continue
		}
		list = append(list, found{name, id})
	}
	return list, nil
}

func (c *Chain) name(i int) string {
	if i == 0 {
		return c.path
	}
	return c.path + "." + strconv.Itoa(i)
}

// successor opens the file that the writer made after c.cur. It gives nil when c.cur is the newest.
func (c *Chain) successor() (*os.File, error) {
	for range maxTries {
		next, err := c.findSuccessor()
		if err != nil || next == nil {
			return nil, err
		}
		f, err := openAs(*next)
		if err != errMoved {
			return f, err
		}
	}
	return nil, fmt.Errorf("follow %q: %w faster than they can be opened", c.path, errMoved)
}

func (c *Chain) findSuccessor() (*found, error) {
	var cur identity
	if c.cur != nil {
		var err error
		if cur, err = identifyFile(c.cur); err != nil {
			return nil, err
		}
		// This look is all that is needed while nothing is rotated.
		if newest, err := identify(unix.AT_FDCWD, c.path); err == nil && newest == cur {
			return nil, nil
		}
	}
	list, err := c.look()
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].id != cur {
			continue
		}
		if i == 0 {
			return nil, nil
		}
		return &list[i-1], nil
	}
	// The current file is gone: pushed out, so that the oldest that is left comes next, or removed by somebody, so that
	// older ones which were read already may be left.
	c.forget(list)
	for i := len(list) - 1; i >= 0; i-- {
		if !c.seen[list[i].id] {
			return &list[i], nil
		}
	}
	return nil, nil
}

// advance makes f the current file.
func (c *Chain) advance(f *os.File) error {
	id, err := identifyFile(f)
	if err != nil {
		return err
	}
	if c.cur != nil {
		c.cur.Close()
	}
	c.cur = f
	c.seen[id] = true
	if len(c.seen) > 2*c.keep+16 {
		list, err := c.look()
		if err != nil {
			return err
		}
		c.forget(list)
	}
	return nil
}

// leaveOut counts f as read.
func (c *Chain) leaveOut(f *os.File) error {
	defer f.Close()
	id, err := identifyFile(f)
	c.seen[id] = err == nil
	return err
}

// forget drops what is known of files that no longer have a name, so that years of rotation cost no memory.
func (c *Chain) forget(list []found) {
	still := make(map[identity]bool, len(list))
	for _, f := range list {
		if c.seen[f.id] {
			still[f.id] = true
		}
	}
	c.seen = still
}

// openAs opens a file by the name it was found at, or gives errMoved when the name belongs to another by now.
func openAs(want found) (*os.File, error) {
	// Without O_NONBLOCK, opening a named pipe would wait for a writer.
	f, err := os.OpenFile(want.name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errMoved
	}
	if err != nil {
		return nil, err
	}
	id, err := identifyFile(f)
	if err == nil && id != want.id {
		err = errMoved
	}
	if err == nil {
		err = regular(f)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func regular(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("open %q: it is not a regular file", f.Name())
	}
	return nil
}

func identifyFile(f *os.File) (identity, error) {
	id, err := identify(int(f.Fd()), "")
	if err != nil {
		return id, &os.PathError{Op: "stat", Path: f.Name(), Err: err}
	}
	return id, nil
}

func identify(dir int, name string) (identity, error) {
	var st unix.Statx_t
	flags := 0
	if name == "" {
		flags = unix.AT_EMPTY_PATH
	}
	if err := unix.Statx(dir, name, flags, unix.STATX_INO|unix.STATX_BTIME, &st); err != nil {
		return identity{}, err
	}
	id := identity{major: st.Dev_major, minor: st.Dev_minor, inode: st.Ino}
	if st.Mask&unix.STATX_BTIME != 0 {
		id.born = st.Btime
	}
	return id, nil
}
