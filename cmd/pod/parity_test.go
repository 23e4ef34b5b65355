package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// dataLines gives the lines of a file in testdata as "KEY: REST", without comments.
func dataLines(t *testing.T, name string) [][2]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	var lines [][2]string
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		key, rest, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			t.Fatalf("%s: %q has no colon", name, line)
		}
		lines = append(lines, [2]string{key, strings.TrimSpace(rest)})
	}
	return lines
}

// hasFlag reports whether cmd knows one of podman's flags, written NAME[/ALIAS][,-SHORT], under all its names.
func hasFlag(cmd *cobra.Command, flag string) bool {
	names, short, _ := strings.Cut(flag, ",-")
	for name := range strings.SplitSeq(names, "/") {
		found := cmd.Flags().Lookup(name)
		if found == nil || short != "" && found.Shorthand != short {
			return false
		}
	}
	return true
}

// Every flag of podman and docker is there or left out for a reason: testdata/flags-left-out.txt says which.
func TestFlagParity(t *testing.T) {
	left := map[string]bool{} // "VERB FLAG" or "* FLAG"; true when it was met
	for _, line := range dataLines(t, "flags-left-out.txt") {
		key, reason := line[0], line[1]
		if reason == "" {
			t.Errorf("%s is left out without a reason", key)
		}
		verbs, flags, _ := strings.Cut(key, " --")
		for verb := range strings.SplitSeq(verbs, ", ") {
			for flag := range strings.SplitSeq(flags, " --") {
				left[verb+" "+flag] = false
			}
		}
	}
	root := newRootCommand(&app{name: "pod", streams: streams{os.Stdin, os.Stdout, os.Stderr}})
	for _, line := range dataLines(t, "flags-podman.txt") {
		verb := line[0]
		cmd, rest, err := root.Find(strings.Fields(verb))
		if err != nil || len(rest) > 0 {
			t.Errorf("there is no pod %s", verb)
			continue
		}
		for flag := range strings.FieldsSeq(line[1]) {
			name, _, _ := strings.Cut(flag, ",")
			key := verb + " " + name
			_, out := left[key]
			switch has := hasFlag(cmd, flag); {
			case has && out:
				t.Errorf("pod %s has --%s, which testdata/flags-left-out.txt says it has not", verb, flag)
			case !has && !out:
				t.Errorf("pod %s has no --%s", verb, flag)
			}
			if out {
				left[key] = true
			}
		}
	}
	for key, met := range left {
		if !met {
			t.Errorf("testdata/flags-left-out.txt: %s is no flag of podman", key)
		}
	}
}
