package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/filelock"
)

// DefaultBuilder is the name of the builder that is always there.
const DefaultBuilder = "default"

// ErrNoBuilder says that there is no builder of a name.
var ErrNoBuilder = errors.New("there is no builder")

// NamedBuilder is a name that somebody has given to the builder, with what was asked of it: scripts make a builder before they build. There is
// one builder, which is the process that builds.
type NamedBuilder struct {
	Name       string    `json:"name"`
	Node       string    `json:"node"`
	Driver     string    `json:"driver"`
	DriverOpts []string  `json:"driverOpts,omitempty"`
	Flags      string    `json:"flags,omitempty"`
	Platforms  []string  `json:"platforms,omitempty"`
	Created    time.Time `json:"created,omitzero"`
}

// Builders are the names in the file at Path.
type Builders struct{ Path string }

// builderList is the file.
type builderList struct {
	Current string         `json:"current,omitempty"` // empty: the default one
	Names   []NamedBuilder `json:"names,omitempty"`
}

// List gives all builders, the default one first, and the name of the one that is used.
func (b Builders) List() (all []NamedBuilder, current string, err error) {
	list, err := b.read()
	if err != nil {
		return nil, "", err
	}
	all = append([]NamedBuilder{{Name: DefaultBuilder, Node: DefaultBuilder, Driver: "pod"}}, list.Names...)
	current = DefaultBuilder
	if list.has(list.Current) {
		current = list.Current
	}
	return all, current, nil
}

// Lookup gives a builder; an empty name means the one that is used.
func (b Builders) Lookup(name string) (NamedBuilder, error) {
	all, current, err := b.List()
	if err != nil {
		return NamedBuilder{}, err
	}
	if name == "" {
		name = current
	}
	i := slices.IndexFunc(all, func(n NamedBuilder) bool { return n.Name == name })
	if i < 0 {
		return NamedBuilder{}, fmt.Errorf("%w %q", ErrNoBuilder, name)
	}
	return all[i], nil
}

// Create notes a builder, and with use that it is used from now on.
func (b Builders) Create(ctx context.Context, n NamedBuilder, use bool) error {
	if err := checkBuilderName(n.Name); err != nil {
		return err
	}
	return b.change(ctx, func(list *builderList) error {
		if n.Name == DefaultBuilder || list.has(n.Name) {
			return fmt.Errorf("there is a builder %q already", n.Name)
		}
		list.Names = append(list.Names, n)
		slices.SortFunc(list.Names, func(x, y NamedBuilder) int { return strings.Compare(x.Name, y.Name) })
		if use {
			list.Current = n.Name
		}
		return nil
	})
}

// Use has a builder used from now on.
func (b Builders) Use(ctx context.Context, name string) error {
	return b.change(ctx, func(list *builderList) error {
		if name != DefaultBuilder && !list.has(name) {
			return fmt.Errorf("%w %q", ErrNoBuilder, name)
		}
		list.Current = name
		return nil
	})
}

// Remove forgets a builder. When it is the one that is used, the default one is used again.
func (b Builders) Remove(ctx context.Context, name string) error {
	if name == DefaultBuilder {
		return fmt.Errorf("the builder %q is pod itself, and stays", name)
	}
	return b.change(ctx, func(list *builderList) error {
		if !list.has(name) {
			return fmt.Errorf("%w %q", ErrNoBuilder, name)
		}
		list.Names = slices.DeleteFunc(list.Names, func(n NamedBuilder) bool { return n.Name == name })
		if list.Current == name {
			list.Current = ""
		}
		return nil
	})
}

func (b Builders) read() (list builderList, err error) {
	text, err := os.ReadFile(b.Path)
	if errors.Is(err, os.ErrNotExist) {
		return list, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		err = fmt.Errorf("read the names of builders in %s: %w", b.Path, err)
	}
	return list, err
}

// change changes the file, one process at a time.
func (b Builders) change(ctx context.Context, do func(*builderList) error) error {
	if err := os.MkdirAll(filepath.Dir(b.Path), 0o700); err != nil {
		return err
	}
	lock, err := filelock.Acquire(ctx, b.Path+".lock", "builders")
	if err != nil {
		return err
	}
	defer lock.Release()
	list, err := b.read()
	if err == nil {
		err = do(&list)
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return atomicfile.Write(b.Path, append(text, '\n'))
}

func (l builderList) has(name string) bool {
	return slices.ContainsFunc(l.Names, func(n NamedBuilder) bool { return n.Name == name })
}

// checkBuilderName takes what buildx takes.
func checkBuilderName(name string) error {
	ok := name != "" && strings.IndexFunc(name[:1], func(r rune) bool { return !isLetter(r) }) < 0 &&
		strings.IndexFunc(name, func(r rune) bool { return !isLetter(r) && !strings.ContainsRune("0123456789.-_", r) }) < 0
	if !ok {
		return fmt.Errorf("%q is no name of a builder: it begins with a letter and has letters, digits, '.', '-' and '_'", name)
	}
	return nil
}

func isLetter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
