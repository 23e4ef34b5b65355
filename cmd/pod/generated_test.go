package main

import (
	"bytes"
	"errors"
	"flag"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

var update = flag.Bool("update", false, "write generated files anew instead of comparing them")

const (
	manDir        = "../../docs/man"
	completionDir = "../../completions"
)

// generatedTree is the command tree as it is documented: under its own name, whatever the test is called.
func generatedTree() *cobra.Command {
	root := newRootCommand(&app{streams: streams{os.Stdin, os.Stdout, os.Stderr}, name: "pod"})
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	root.DisableAutoGenTag = true
	return root
}

// eachCommand calls f for every command that a user can see.
func eachCommand(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() {
			eachCommand(sub, f)
		}
	}
}

func TestGeneratedManPages(t *testing.T) {
	// The date of a page is that of its meaning, not of its making: a fixed one keeps the pages the same.
	date := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	pages := make(map[string][]byte)
	eachCommand(generatedTree(), func(c *cobra.Command) {
		var b bytes.Buffer
		c.Long = exitStatusLast(c.Long)
		header := &doc.GenManHeader{Section: "1", Manual: "pod", Source: "pod", Date: &date}
		if err := doc.GenMan(c, header, &b); err != nil {
			t.Fatal(err)
		}
		pages[strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"] = b.Bytes()
	})
	compareDir(t, manDir, pages)
}

// exitStatusLast makes a section of a manual page of what a description says of the exit status at its end.
func exitStatusLast(long string) string {
	text, status, found := strings.Cut(long, "Exit status: ")
	if !found {
		return long
	}
	return strings.TrimSpace(text) + "\n\n# EXIT STATUS\n" + status
}

// TestExitStatusIsExplained: these commands end with codes that scripts decide by.
func TestExitStatusIsExplained(t *testing.T) {
	root := generatedTree()
	for _, name := range []string{
		"attach", "container exists", "doctor", "exec", "image exists", "rm", "rmi", "run", "scan", "start", "unshare",
	} {
		c, _, err := root.Find(strings.Fields(name))
		if err != nil || !strings.Contains(c.Long, "Exit status: ") {
			t.Errorf("the description of %q does not end with its exit status (%v)", name, err)
		}
	}
}

func TestGeneratedCompletions(t *testing.T) {
	root := generatedTree()
	var bash, zsh, fish bytes.Buffer
	if err := errors.Join(root.GenBashCompletionV2(&bash, true), root.GenZshCompletion(&zsh), root.GenFishCompletion(&fish, true)); err != nil {
		t.Fatal(err)
	}
	compareDir(t, completionDir, map[string][]byte{"pod.bash": bash.Bytes(), "_pod": zsh.Bytes(), "pod.fish": fish.Bytes()})
}

// compareDir compares a directory with what it should hold, or makes it so with -update.
func compareDir(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	if *update {
		if err := errors.Join(os.RemoveAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
			t.Fatal(err)
		}
		for name, content := range want {
			if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	for _, e := range entries {
		if want[e.Name()] == nil {
			t.Errorf("%s/%s belongs to no command: make generate", dir, e.Name())
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%v: make generate", err)
		} else if !bytes.Equal(got, want[name]) {
			t.Errorf("%s/%s is not up to date: make generate", dir, name)
		}
	}
}

func TestEveryCommandIsExplained(t *testing.T) {
	eachCommand(generatedTree(), func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no description", c.CommandPath())
		}
		generated := c.Name() == "help" || c.Name() == "completion" || c.Parent() != nil && c.Parent().Name() == "completion"
		if c.Runnable() && c.HasParent() && c.Example == "" && !generated {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.Contains(line, "pod ") {
				t.Errorf("%s: this line of the example calls nothing of pod: %s", c.CommandPath(), line)
			}
		}
	})
}

func TestGivenFlagsBecomeArguments(t *testing.T) {
	root := newRootCommand(&app{streams: streams{os.Stdin, os.Stdout, os.Stderr}, name: "pod"})
	f := root.PersistentFlags()
	if err := f.Parse([]string{"--root", "/x", "--storage-opt", "a=1", "--storage-opt", "b=2"}); err != nil {
		t.Fatal(err)
	}
	want := []string{"--root=/x", "--storage-opt=a=1", "--storage-opt=b=2"}
	if got := given(f); !slices.Equal(got, want) {
		t.Errorf("given %q, want %q", got, want)
	}
}
