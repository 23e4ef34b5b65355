package dockerfiles

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Sizes of a context that somebody forgot to write an ignore file for.
const (
	manyFiles = 100_000
	largeFile = 4 << 30 // bytes, in a hole
)

// TestLargeContexts builds with very many files, with a very large file that is left out, and with one that is not.
func TestLargeContexts(t *testing.T) {
	bases := filepath.Join(t.TempDir(), "bases.tar")
	program := engine(t)
	if err := writeBases(bases); err != nil {
		t.Fatal(err)
	}
	s := &suite{pod: newWorld(t, program, bases)}
	dir, err := os.MkdirTemp("/dev/shm", "pod-context") // making and removing so many files takes longer on a disk than the builds
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	for i := range manyFiles / 1000 {
		sub := filepath.Join(dir, "many", fmt.Sprint(i))
		if err := os.MkdirAll(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for k := range 1000 {
			content := fmt.Sprint(i, k)
			if k%10 != 0 {
				content = "" // it is their number that counts, not what they take of the disk
			}
			if err := os.WriteFile(filepath.Join(sub, fmt.Sprint(k)), []byte(content), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("large", "")
	if err := os.Truncate(filepath.Join(dir, "large"), largeFile); err != nil {
		t.Fatal(err)
	}
	build := func() {
		t.Helper()
		if err := s.command(s.pod, dir, []string{"build", "-q", "--network", "none", "."}); err != nil {
			t.Fatal(err)
		}
	}
	write(".dockerignore", "large\nDockerfile\n.dockerignore\n")
	write("Dockerfile", fmt.Sprintf("FROM alpine:3.22\nCOPY . /c\nRUN test $(find /c -type f | wc -l) = %d && test ! -e /c/large\n", manyFiles))
	build()
	build() // nothing is read again
	write(".dockerignore", "many\n")
	write("Dockerfile", fmt.Sprintf("FROM alpine:3.22\nRUN --mount=type=bind,target=/c test $(stat -c %%s /c/large) = %d && test ! -e /c/many\n", largeFile))
	build()
}
