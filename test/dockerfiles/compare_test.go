package dockerfiles

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// baseline is what is in a base: files by path and line.
func baseline(pictures map[string]*picture) map[string]bool {
	plain := map[string]bool{}
	for name, p := range pictures {
		if strings.HasPrefix(name, "localhost/") {
			continue
		}
		for path, line := range p.files {
			plain[path+" "+line] = true
		}
		for _, line := range p.history {
			plain[line] = true
		}
	}
	return plain
}

// text is what is compared with the archive: files that no base has, settings and history.
func (p *picture) text(plain map[string]bool) string {
	var b strings.Builder
	for _, path := range slices.Sorted(maps.Keys(p.files)) {
		if line := path + " " + p.files[path]; !plain[line] {
			fmt.Fprintln(&b, line)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(p.config)) {
		fmt.Fprintf(&b, "%s: %s\n", key, p.config[key])
	}
	for _, line := range p.history {
		if !plain[line] {
			fmt.Fprintln(&b, line)
		}
	}
	return b.String()
}

// compareMade compares what pod has made with the archive.
func (c *testCase) compareMade(t *testing.T, got string) {
	t.Helper()
	if *update {
		if err := c.update(got); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := c.section(made)
	for _, line := range missing(want, got) {
		t.Errorf("missing: %s", line)
	}
	for _, line := range missing(got, want) {
		t.Errorf("in addition: %s", line)
	}
	if !t.Failed() && got != want {
		t.Errorf("the lines are in another order:\n%s", got)
	}
}

// missing are the lines of a that b has not.
func missing(a, b string) []string {
	lines := strings.Split(b, "\n")
	return slices.DeleteFunc(strings.Split(a, "\n"), func(line string) bool { return slices.Contains(lines, line) })
}

// comparePodman compares with what podman has made, but for the history, which buildah writes in its own words.
func (c *testCase) comparePodman(t *testing.T, pod, podman *picture) {
	t.Helper()
	if podman == nil {
		t.Fatal("podman has not built it")
	}
	pod, podman = pod.common(), podman.common()
	c.podman.compare(t, "podman", append(differing("", pod.files, podman.files), differing("config ", pod.config, podman.config)...))
}

// compareBuildKit compares with what BuildKit has made.
func (c *testCase) compareBuildKit(t *testing.T, pod, buildkit *picture) {
	t.Helper()
	if buildkit == nil {
		t.Fatal("BuildKit has not built it")
	}
	c.buildkit.compare(t, "BuildKit", unlikeBuildKit(pod, buildkit))
}

// unlikeBuildKit are the differences but for that in which BuildKit always differs: ArgsEscaped, which the image specification tells builders not to
// write, and the time of directories that are as old as the copy of the context that the daemon was sent.
func unlikeBuildKit(pod, buildkit *picture) []string {
	delete(buildkit.config, "ArgsEscaped")
	for path, line := range buildkit.files {
		if strings.HasPrefix(line, "dir ") && pod.files[path] == line+" kept" {
			buildkit.files[path] += " kept"
		}
	}
	lines := append(differing("", pod.files, buildkit.files), differing("config ", pod.config, buildkit.config)...)
	for i := range max(len(pod.history), len(buildkit.history)) {
		lines = append(lines, differing(fmt.Sprintf("history %d", i), nth(pod.history, i), nth(buildkit.history, i))...)
	}
	return lines
}

// nth is a line of a list that may be shorter.
func nth(lines []string, i int) map[string]string {
	if i >= len(lines) {
		return nil
	}
	return map[string]string{"": lines[i]}
}

// compare fails for each difference that is not expected, and for each that is and is not there.
func (c *comparison) compare(t *testing.T, builder string, lines []string) {
	t.Helper()
	for _, line := range lines {
		if !c.expected(line) {
			t.Errorf("differs from %s: %s", builder, line)
		}
	}
	for _, d := range c.differs {
		if !d.seen {
			t.Errorf("expected to differ from %s, and does not: %s: %s", builder, d.match, d.reason)
		}
	}
}

// common is a picture without that in which buildah always differs: it gives the directory that COPY copies into the time of the build, and BuildKit that
// of the source; it writes variables that are set again last; and the working directory of an image from scratch is empty.
func (p *picture) common() *picture {
	out := &picture{files: maps.Clone(p.files), config: maps.Clone(p.config)}
	for path, line := range out.files {
		if strings.HasPrefix(line, "dir ") {
			out.files[path] = strings.TrimSuffix(line, " kept")
		}
	}
	var env []string
	if json.Unmarshal([]byte(out.config["Env"]), &env) == nil {
		slices.Sort(env)
		out.config["Env"] = strings.Join(env, "\n")
	}
	if out.config["WorkingDir"] == `"/"` {
		delete(out.config, "WorkingDir")
	}
	return out
}

func differing(kind string, pod, podman map[string]string) []string {
	all := maps.Clone(pod)
	maps.Copy(all, podman)
	var out []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		a, b := pod[name], podman[name]
		if a != b {
			out = append(out, fmt.Sprintf("%s%s: %s | %s", kind, name, a, b))
		}
	}
	return out
}

// expected reports whether the case lists a difference.
func (c *comparison) expected(line string) bool {
	found := false
	for i, d := range c.differs {
		if d.match.MatchString(line) {
			c.differs[i].seen, found = true, true
		}
	}
	return found
}
