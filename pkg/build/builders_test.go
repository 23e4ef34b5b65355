package build

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuilders(t *testing.T) {
	b := Builders{Path: filepath.Join(t.TempDir(), "build", "builders")}
	ctx := t.Context()
	current := func(want string) {
		t.Helper()
		if n, err := b.Lookup(""); err != nil || n.Name != want {
			t.Errorf("the builder used is %q, %v, want %q", n.Name, err, want)
		}
	}
	current(DefaultBuilder)
	for _, name := range []string{"b", "a.1-x_y"} {
		if err := b.Create(ctx, NamedBuilder{Name: name}, name == "b"); err != nil {
			t.Error(err)
		}
	}
	current("b")
	for _, name := range []string{"", "1", "-a", "a/b", "b", DefaultBuilder, "ä"} {
		if b.Create(ctx, NamedBuilder{Name: name}, true) == nil {
			t.Errorf("%q can be made", name)
		}
	}
	if all, _, err := b.List(); err != nil || len(all) != 3 || all[1].Name != "a.1-x_y" {
		t.Errorf("there are %+v, %v", all, err)
	}
	if err := errors.Join(b.Use(ctx, "a.1-x_y"), b.Use(ctx, DefaultBuilder), b.Use(ctx, "b"), b.Remove(ctx, "b")); err != nil {
		t.Error(err)
	}
	current(DefaultBuilder)
	if err := b.Use(ctx, "b"); !errors.Is(err, ErrNoBuilder) {
		t.Errorf("one that is gone can be used: %v", err)
	}
	if b.Remove(ctx, DefaultBuilder) == nil {
		t.Error("the default one can be removed")
	}
	if err := os.WriteFile(b.Path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Lookup("a"); err == nil || !strings.Contains(err.Error(), b.Path) {
		t.Errorf("a damaged file gives %v", err)
	}
}
