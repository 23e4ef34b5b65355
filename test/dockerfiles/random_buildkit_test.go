package dockerfiles

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// result is a build: the image's id, or the line of the Dockerfile that failed.
type result struct {
	id   string
	line int
	text string
}

func (r result) failed() bool { return r.id == "" }

var failedLine = regexp.MustCompile(`(?:Dockerfile:|on line )(\d+)`)

func resultOf(id, words string, err error) result {
	if err == nil {
		return result{id: id}
	}
	r := result{text: lastWords(words, "pod: ", "hint: ", "ERROR: failed to build: ")}
	if found := failedLine.FindStringSubmatch(words); found != nil {
		r.line, _ = strconv.Atoi(found[1])
	}
	return r
}

// maxRefused is how many instructions of a program may be refused.
const maxRefused = 12

// builders says what pod and BuildKit make of a program that is not the same. Instructions that both refuse are left out, until the rest is built.
func (tr *trial) builders(p *program) string {
	if tr.buildkit == nil {
		return ""
	}
	for range maxRefused {
		c, err := tr.write(p)
		if err != nil {
			return fmt.Sprintf("setup: %v", err)
		}
		pod := tr.build(c)
		archive, other := tr.buildOther(c)
		failed := max(pod.line, other.line)
		switch {
		case !pod.failed() && !other.failed():
			return tr.differences(archive)
		case excused(p, pod, other):
		case pod.failed() != other.failed():
			return fmt.Sprintf("one fails: pod: %d %s\nBuildKit: %d %s", pod.line, pod.text, other.line, other.text)
		case other.line > 0 && pod.line != other.line && !tr.failsAt(p, pod.line, other.line):
			return fmt.Sprintf("lines: pod: %d %s\nBuildKit: %d %s", pod.line, pod.text, other.line, other.text)
		}
		if p = p.without(failed); p == nil {
			return ""
		}
	}
	return ""
}

// failsAt looks whether pod fails at a line, too, when it does not at another, where it fails first.
func (tr *trial) failsAt(p *program, first, line int) bool {
	q := p.commented(first)
	if q == nil {
		return true // it says of the whole what BuildKit says of a line
	}
	c, err := tr.write(q)
	return err != nil || tr.build(c).failed()
}

// excused reports whether it is as it should be that one alone fails, see docs/compat.md. BuildKit refuses what patterns match when links in it lead nowhere.
func excused(p *program, pod, other result) bool {
	has := func(text string, words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	return has(pod.text, "which is not a directory; end it with a slash", "is not in the image's", "cannot be; give a name or a number") ||
		has(other.text, "not found", "too many links", "no such file", "not a directory") && strings.ContainsAny(p.stepAt(other.line), "*?[")
}

// buildOther builds with BuildKit.
func (tr *trial) buildOther(c *testCase) (string, result) {
	archive := filepath.Join(tr.buildkit.out, c.name+".tar")
	os.Remove(archive)
	if err := tr.buildkit.build(tr.suite, c, tr.dir); err != nil {
		return "", resultOf("", err.Error(), err)
	}
	return archive, result{id: "made"}
}

// differences compares the two images that were made last.
func (tr *trial) differences(archive string) string {
	var pictures []*picture
	for _, file := range []string{tr.made(), archive} {
		dir, err := os.MkdirTemp(tr.pod.TempDir(), "saved")
		if err != nil {
			return err.Error()
		}
		read, err := readSaved(file, dir)
		os.RemoveAll(dir)
		if err != nil || len(read) != 1 {
			return fmt.Sprintf("read: %d images, %v", len(read), err)
		}
		for _, p := range read {
			for path, line := range p.files { // BuildKit leaves out that a directory has another time only
				if strings.HasPrefix(line, "dir ") {
					p.files[path] = strings.TrimSuffix(line, " kept")
				}
			}
		}
		pictures = append(pictures, slices.Collect(maps.Values(read))...)
	}
	if lines := unlikeBuildKit(pictures[0], pictures[1]); len(lines) > 0 {
		return "differs:\n" + strings.Join(lines, "\n")
	}
	return ""
}
