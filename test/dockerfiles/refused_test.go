package dockerfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// TestRefused builds Dockerfiles with a mistake each. testdata/refused/refused.txtar has them by name, and in "answers" what pod says; beside it, for
// whoever reviews the words, stands what BuildKit says.
func TestRefused(t *testing.T) {
	bases := filepath.Join(t.TempDir(), "bases.tar")
	program := engine(t)
	if err := writeBases(bases); err != nil {
		t.Fatal(err)
	}
	s := &suite{pod: newWorld(t, program, bases), buildkit: newBuildKit(t)}
	const file = "testdata/refused/refused.txtar"
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []txtar.File
	var want string
	for _, f := range archive.Files {
		if f.Name == "answers" {
			want = string(f.Data)
		} else {
			cases = append(cases, f)
		}
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("f\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	given := answersOf(want)
	answers := make([]string, len(cases))
	var group sync.WaitGroup
	next := make(chan int)
	for range 2 { // at a time
		group.Go(func() {
			for i := range next {
				answers[i] = s.refusal(t, dir, cases[i], given)
			}
		})
	}
	for i := range cases {
		next <- i
	}
	close(next)
	group.Wait()
	got := strings.Join(answers, "")
	if *update {
		archive.Files = append(cases, txtar.File{Name: "answers", Data: []byte(got)})
		if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for _, line := range missing(want, got) {
		t.Errorf("missing: %s", line)
	}
	for _, line := range missing(got, want) {
		t.Errorf("in addition: %s", line)
	}
}

// answersOf are what BuildKit says, by name.
func answersOf(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		if name, words, ok := strings.Cut(line, " | BuildKit: "); ok {
			out[name] = strings.TrimSuffix(words, "\n")
		}
	}
	return out
}

// refusal is what the builders say to a Dockerfile; without BuildKit at hand, what it said before.
func (s *suite) refusal(t *testing.T, dir string, f txtar.File, given map[string]string) string {
	ctx, cancel := context.WithTimeout(t.Context(), buildTimeout)
	defer cancel()
	build := func(cmd *exec.Cmd) (text string, code int) {
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(f.Data)
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			code = exit.ExitCode()
		} else if err != nil {
			t.Error(err)
		}
		return string(out), code
	}
	text, code := build(s.pod.Command(ctx, "build", "--pull=never", "--network", "none", "-f", "-", "."))
	answer := fmt.Sprintf("%s | pod: %d %s\n", f.Name, code, lastWords(text, "pod: ", "hint: "))
	if s.buildkit != nil {
		args := []string{"build", "--network", "none", "--output", "type=cacheonly", "--progress", "plain", "-f", "-"}
		for ref, place := range s.buildkit.bases {
			args = append(args, "--build-context", ref+"="+place)
		}
		text, code := build(s.buildkit.command(ctx, append(args, ".")...))
		given = map[string]string{f.Name: fmt.Sprintf("%d %s", code, lastWords(text, "ERROR: failed to build: "))}
	}
	return answer + fmt.Sprintf("%s | BuildKit: %s\n", f.Name, given[f.Name])
}

// lastWords are the lines that begin so, without it and without what is another one each time.
func lastWords(text string, begin ...string) string {
	var words []string
	for line := range strings.Lines(text) {
		if i := slices.IndexFunc(begin, func(b string) bool { return strings.HasPrefix(line, b) }); i >= 0 {
			words = append(words, strings.TrimSpace(line))
		}
	}
	return regexp.MustCompile(`(ref )[a-z0-9:]+|(lookup \S+ on )\S+`).ReplaceAllString(strings.Join(words, " "), "$1$2...")
}
