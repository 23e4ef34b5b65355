package build

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestContexts shows that jobs which open one directory have one tree, and those with other ignore files another.
func TestContexts(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a/one": "1", "a/two": "2", ".dockerignore": "a/two", "Dockerfile.dockerignore": "a/two", "other.dockerignore": "a/one"} {
		os.Mkdir(filepath.Join(dir, "a"), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := (&Builder{Dir: t.TempDir()}).NewSession(2)
	defer s.Close()
	open := func(ignore ...string) *Context {
		tree, err := s.OpenContext(t.Context(), dir)
		if err == nil {
			tree, err = s.Ignoring(tree, ignore)
		}
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	names := func(tree *Context) string {
		l, err := tree.List(t.Context(), "a", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var names []string
		for name := range l.Files() {
			names = append(names, name)
		}
		return strings.Join(names, " ")
	}
	plain, same, other, whole := open("none", ".dockerignore"), open("Dockerfile.dockerignore"), open("other.dockerignore"), open("none")
	if plain != same || plain == other || plain == whole || whole != open() {
		t.Error("trees are not those of what their ignore files say")
	}
	for tree, want := range map[*Context]string{plain: "one", other: "two", whole: "one two"} {
		if got := names(tree); got != want {
			t.Errorf("it lists %q, want %q", got, want)
		}
	}
	// What is made later is not seen: all jobs see the same.
	if err := os.WriteFile(filepath.Join(dir, "a/three"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := names(open("none")); got != "one two" {
				t.Errorf("it lists %q", got)
			}
		})
	}
	all.Wait()
}
