package dockerfiles

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"golang.org/x/sys/unix"
)

// testCase is one archive of testdata: its comment has what it shows and these lines,
//
//	build: ARG...             further arguments of the build, of both engines
//	pod: ARG...               of pod's alone
//	bake: ARG...              it is built with "buildx bake", whose file names the image like the case
//	podman: no, REASON        podman does not build it, since it cannot
//	differs: REGEXP: REASON   a difference between the two that is as it should be
//	buildkit: no, REASON      BuildKit does not build it
//	unlike: REGEXP: REASON    a difference from what BuildKit makes that is as it should be
//
// and its files are the context, but for "setup", a shell script that runs in the context first, and "image", what pod makes.
type testCase struct {
	name    string
	file    string
	archive *txtar.Archive
	args    []string // of both
	podArgs []string
	bake    []string

	podman, buildkit comparison
}

// comparison is what is expected of another builder.
type comparison struct {
	without string // why it cannot build the case
	differs []difference
}

// difference is an expected one.
type difference struct {
	match  *regexp.Regexp
	reason string
	seen   bool
}

// made is the section with what pod makes of a case.
const made = "image"

// contextTime is that of all files of contexts.
var contextTime = time.Date(2024, 2, 3, 4, 5, 6, 0, time.UTC)

func readCase(t *testing.T, file string) *testCase {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := &testCase{name: strings.TrimSuffix(filepath.Base(file), ".txtar"), file: file, archive: archive}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "build":
			c.args = append(c.args, strings.Fields(value)...)
		case "pod":
			c.podArgs = append(c.podArgs, strings.Fields(value)...)
		case "bake":
			c.bake = append([]string{"buildx", "bake"}, strings.Fields(value)...)
		case "podman":
			c.podman.without = strings.TrimPrefix(value, "no, ")
		case "buildkit":
			c.buildkit.without = strings.TrimPrefix(value, "no, ")
		case "differs":
			c.podman.expect(t, value)
		case "unlike":
			c.buildkit.expect(t, value)
		}
	}
	return c
}

// expect reads the pattern and the reason of a difference.
func (c *comparison) expect(t *testing.T, value string) {
	t.Helper()
	pattern, reason, ok := strings.Cut(value, ": ")
	match, err := regexp.Compile(pattern)
	if err != nil || !ok {
		t.Fatalf("%s: want a pattern and a reason: %v", value, err)
	}
	c.differs = append(c.differs, difference{match: match, reason: reason})
}

// section is the content of a file of the archive.
func (c *testCase) section(name string) string {
	for _, f := range c.archive.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// dockerfile is the name of the Dockerfile.
func (c *testCase) dockerfile() string {
	if i := slices.Index(c.args, "-f"); i >= 0 {
		return c.args[i+1]
	}
	return "Dockerfile"
}

// update writes what pod makes into the archive.
func (c *testCase) update(image string) error {
	i := slices.IndexFunc(c.archive.Files, func(f txtar.File) bool { return f.Name == made })
	if i < 0 {
		i = len(c.archive.Files)
		c.archive.Files = append(c.archive.Files, txtar.File{Name: made})
	}
	c.archive.Files[i].Data = []byte(image)
	return os.WriteFile(c.file, txtar.Format(c.archive), 0o644)
}

// writeContext makes the context of the case in dir.
func (c *testCase) writeContext(dir string) error {
	for _, f := range c.archive.Files {
		if f.Name == "setup" || f.Name == made {
			continue
		}
		path := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		mode := os.FileMode(0o644)
		if strings.HasPrefix(string(f.Data), "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, f.Data, mode); err != nil {
			return err
		}
	}
	if script := c.section("setup"); script != "" {
		cmd := exec.Command("sh", "-euc", "umask 022\n"+script)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("setup: %w: %s", err, out)
		}
	}
	return setTimes(dir)
}

// setTimes gives all files of a context their time.
func setTimes(dir string) error {
	when := unix.NsecToTimespec(contextTime.UnixNano())
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return unix.UtimesNanoAt(unix.AT_FDCWD, path, []unix.Timespec{when, when}, unix.AT_SYMLINK_NOFOLLOW)
	})
}
