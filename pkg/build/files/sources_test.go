package files

import (
	"bytes"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
	"golang.org/x/sys/unix"
)

// TestSources is about which files a word of COPY names.
func TestSources(t *testing.T) {
	tree := &Tree{Root: openTop(t, grow(t, "a.txt=1 b.txt=2 c.md=3 .hidden=4 d/a.txt=5 d/e/x.go=6 d/f/y.go=7 l->d [x]=8 sp-ace=9 d/.git/"))}
	for word, want := range map[string]string{
		"a.txt": "a.txt", "./a.txt": "a.txt", "/a.txt": "a.txt", "d/../a.txt": "a.txt", "../../a.txt": "a.txt", "d": "d", "d/": "d", "d/.": "d", ".": "", "/": "", "": "",
		"*.txt": "a.txt b.txt", "?.md": "c.md", "[ab].txt": "a.txt b.txt", "[!a].txt": "a.txt", "[^a].txt": "b.txt", "[a-b].*": "a.txt b.txt", "*.none": "", "d/*.txt": "d/a.txt",
		"*/a.txt": "d/a.txt l/a.txt", "d/*/*.go": "d/e/x.go d/f/y.go", "d/?/y.go": "d/f/y.go", ".h*": ".hidden", "d/.*": "d/.git", "[[]x]": "[x]", "l/a.txt": "l/a.txt",
		"*": ".hidden [x] a.txt b.txt c.md d l sp-ace", "**": ".hidden [x] a.txt b.txt c.md d l sp-ace", "d/**/x.go": "d/e/x.go", "none": "none", "a.txt/*": "",
	} {
		names, err := tree.Sources(t.Context(), word)
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", word, got, err, want)
		}
	}
	for _, word := range []string{"[a", "*/[x", "none/*.txt", "d/none/?", "d/none/*/x"} {
		if names, err := tree.Sources(t.Context(), word); err == nil {
			t.Errorf("%q names %q", word, names)
		}
	}
}

// TestSourcesIgnored is about what is left of them by an ignore file.
func TestSourcesIgnored(t *testing.T) {
	tree := &Tree{Root: openTop(t, grow(t, "d/e/x=1 d/f/y=1 g/h/z=1 i=1"))}
	var err error
	if tree.matcher, err = patternmatcher.New([]string{"*", "!d/e/x"}); err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string]string{
		"*": "d", "d": "d", "d/*": "d/e", "*/*": "d/e", "d/e/x": "d/e/x", "d/e/?": "d/e/x", ".": "",
		"g": `error: "g" is left out by the ignore file`, "i": `error: "i" is left out by the ignore file`, "d/f": `error: "d/f" is left out by the ignore file`,
		"g/*": `error: "g" is left out by the ignore file`, "d/f/y": `error: "d/f/y" is left out by the ignore file`,
	} {
		names, err := tree.Sources(t.Context(), word)
		got := strings.Join(names, " ")
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%q: %s; want %s", word, got, want)
		}
	}
}

// TestIgnore is about which files of a context are left out.
func TestIgnore(t *testing.T) {
	const files = "a=1 a.log=1 b/a=1 b/a.log=1 b/c/a=1 b/c/d.md=1 README.md=1 node_modules/x=1 src/node_modules/y=1 src/main.go=1 src/v/w.go=1 .env=1"
	for ignore, want := range map[string]string{
		"":                    "everything",
		"# a\n\n  \n":         "everything",
		"a":                   "-a",
		"/a":                  "-a",
		"./a":                 "-a",
		"a/":                  "-a",
		"b/../a":              "-a",
		"  a  ":               "-a",
		"\ufeffa":             "-a",
		"a\r\nREADME.md\r\n":  "-README.md -a",
		"*/a":                 "-b/a",
		"*/*/a":               "-b/c/a",
		"**/a":                "-a -b/a -b/c/a",
		"b":                   "-b -b/a -b/a.log -b/c -b/c/a -b/c/d.md",
		"b/*":                 "-b/a -b/a.log -b/c -b/c/a -b/c/d.md",
		"b/**":                "-b/a -b/a.log -b/c -b/c/a -b/c/d.md",
		"*.log":               "-a.log",
		"**/*.log":            "-a.log -b/a.log",
		"**/node_modules":     "-node_modules -node_modules/x -src/node_modules -src/node_modules/y",
		"node_modules":        "-node_modules -node_modules/x",
		"?":                   "-a -b -b/a -b/a.log -b/c -b/c/a -b/c/d.md",
		"[ab]":                "-a -b -b/a -b/a.log -b/c -b/c/a -b/c/d.md",
		".*":                  "-.env",
		"**/*.md\n!README.md": "-b/c/d.md",
		"!README.md\n**/*.md": "-README.md -b/c/d.md",
		"b\n!b/c":             "-b/a -b/a.log",
		"b\n!b/c/a":           "-b/a -b/a.log -b/c/d.md",
		"b/c\n!b/c/a\nb/c/a":  "-b/c -b/c/a -b/c/d.md",
		"*\n!src":             "-.env -README.md -a -a.log -b -b/a -b/a.log -b/c -b/c/a -b/c/d.md -node_modules -node_modules/x",
		"*\n!src\nsrc/v":      "-.env -README.md -a -a.log -b -b/a -b/a.log -b/c -b/c/a -b/c/d.md -node_modules -node_modules/x -src/v -src/v/w.go",
		"**\n!**/*.go":        "-.env -README.md -a -a.log -b -b/a -b/a.log -b/c -b/c/a -b/c/d.md -node_modules -node_modules/x -src/node_modules -src/node_modules/y",
		"src/**/*.go":         "-src/main.go -src/v/w.go",
		"src/*.go":            "-src/main.go",
		"**/v":                "-src/v -src/v/w.go",
		"src/**":              "-src/main.go -src/node_modules -src/node_modules/y -src/v -src/v/w.go",
		"../a":                "everything",
		"b/c/":                "-b/c -b/c/a -b/c/d.md",
		"! README.md\n*.md":   "-README.md",
		"*.md\n! README.md":   "everything",
		"\\a":                 "everything",
		"**/c/**/d.md":        "-b/c/d.md",
	} {
		if got := left(t, files, ignore); got != want {
			t.Errorf("%q: %s\nwant %s", ignore, got, want)
		}
	}
}

// left says what an ignore file leaves out of a tree.
func left(t *testing.T, files, ignore string) string {
	t.Helper()
	names := func(tree *Tree) []string {
		l, err := tree.List(t.Context(), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		var out []string
		for _, e := range l.entries[1:] {
			out = append(out, e.rel)
		}
		return out
	}
	tree := &Tree{Root: openTop(t, grow(t, files)), Foreign: true}
	all := names(tree)
	patterns, err := ignorefile.ReadAll(strings.NewReader(ignore))
	if err != nil {
		t.Fatal(err)
	}
	if tree.matcher, err = patternmatcher.New(patterns); err != nil {
		t.Fatal(err)
	}
	kept := names(tree)
	var out []string
	for _, name := range all {
		if !slices.Contains(kept, name) {
			out = append(out, "-"+name)
		}
	}
	slices.Sort(out)
	if len(out) == 0 {
		return "everything"
	}
	return strings.Join(out, " ")
}

// TestIgnoreFilesThatAreRefused wants no part of an ignore file to be passed over: what it leaves out may be secret.
func TestIgnoreFilesThatAreRefused(t *testing.T) {
	top := grow(t, "large= there/ out->/etc/hostname")
	if err := os.WriteFile(path.Join(top, "large"), bytes.Repeat([]byte("# comment\n"), maxIgnore/10+1), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path.Join(top, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{Root: openTop(t, top), Foreign: true}
	for name, want := range map[string]string{
		"large": "more than", "there": "regular", "out": "leads out", "pipe": "regular", path.Join(top, "large"): "more than", path.Join(top, "pipe"): "regular",
	} {
		if _, err := tree.Ignoring([]string{"none", name}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if got, err := tree.Ignoring([]string{"none", "/none"}); err != nil || got.Ignores() {
		t.Errorf("no file: %v, %v", got, err)
	}
}

// TestReadFile reads files of a tree, whose root is what a path begins at.
func TestReadFile(t *testing.T) {
	tree := &Tree{Root: openTop(t, grow(t, "f=1 d/g=2 in->d/g out->../../etc/hostname abs->/etc/hostname"))}
	for name, want := range map[string]string{
		"f": "1", "/f": "1", "//d/g": "2", "./d/../f": "1", "in": "2",
		"../f": "error: leads out", "out": "error: leads out", "abs": "error: leads out", "d": "error: regular", "none": "error: no such file", "d/g/h": "error: not a directory",
	} {
		text, err := tree.ReadFile(name, 1)
		problem, wrong := strings.CutPrefix(want, "error: ")
		if !wrong && (err != nil || string(text) != want) || wrong && (err == nil || !strings.Contains(err.Error(), problem)) {
			t.Errorf("%s: %q, %v, want %s", name, text, err, want)
		}
	}
	if _, err := (&Tree{Root: openTop(t, grow(t, "f=12"))}).ReadFile("f", 1); err == nil {
		t.Error("more is read than may be")
	}
}
