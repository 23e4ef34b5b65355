package build

import (
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/plan"
)

func TestAddresses(t *testing.T) {
	for word, want := range map[string]address{
		"https://h/x.tar.gz?a=b": {url: "https://h/x.tar.gz?a=b", shown: "https://h/x.tar.gz?a=b"},
		"https://u:p@h/x":        {url: "https://u:p@h/x", shown: "https://u:xxxxx@h/x"},
		"https://h/r.git":        {git: true, url: "https://h/r.git", shown: "https://h/r.git"},
		"https://h/r.git#v1:a/b": {git: true, url: "https://h/r.git", ref: "v1", subdir: "a/b", shown: "https://h/r.git#v1:a/b"},
		"https://h/r.git#:a":     {git: true, url: "https://h/r.git", subdir: "a", shown: "https://h/r.git#:a"},
		"https://h/r.git?ref=v1&subdir=a&checksum=abc&keep-git-dir=1": {
			git: true, url: "https://h/r.git", ref: "v1", subdir: "a", checksum: "abc", keepGit: true,
			shown: "https://h/r.git?ref=v1&subdir=a&checksum=abc&keep-git-dir=1",
		},
		"git@h:r.git#main":         {git: true, url: "git@h:r.git", ref: "main", shown: "git@h:r.git"},
		"ssh://git@h/r":            {git: true, url: "ssh://git@h/r", shown: "ssh://git@h/r"},
		"me@h.org:r?branch=b#:sub": {git: true, url: "me@h.org:r", ref: "refs/heads/b", subdir: "sub", shown: "me@h.org:r"},
		"https://h/r.git?tag=v1":   {git: true, url: "https://h/r.git", ref: "refs/tags/v1", shown: "https://h/r.git?tag=v1"},
		"https://h/r.git?branch=refs/heads/b&submodules=false": {
			git: true, url: "https://h/r.git", ref: "refs/heads/b", noSubmodules: true, shown: "https://h/r.git?branch=refs/heads/b&submodules=false",
		},
		"https://h/r.git?ref=v1#v1": {git: true, url: "https://h/r.git", ref: "v1", shown: "https://h/r.git?ref=v1#v1"},
	} {
		if got, err := parseAddress(word); err != nil || got != want {
			t.Errorf("%s is %+v, %v, want %+v", word, got, err, want)
		}
	}
	for _, word := range []string{
		"https://h/r.git#--upload-pack=x", "https://h/r.git?what=x", "http://h:port/x", "https://h/r.git?ref=a&branch=b", "https://h/r.git?tag=a&branch=a", "https://h/r.git?ref=a#b",
		"https://h/r.git?checksum=a&commit=b", "https://h/r.git?ref=a&ref=b", "https://h/r.git?ref=", "https://h/r.git?keep-git-dir=maybe", "https://h/r.git?submodules=x", "git@h:r?what=1", "git@h:r?%zz",
	} {
		if got, err := parseAddress(word); err == nil {
			t.Errorf("%s is taken for %+v", word, got)
		}
	}
}

// TestPinned says which ADD need not ask a server what it copies.
func TestPinned(t *testing.T) {
	sum := strings.Repeat("0a", 20)
	for _, c := range []struct {
		urls []string
		more plan.Copy
		want bool
	}{
		{[]string{"https://h/r.git#" + sum}, plan.Copy{}, true},
		{[]string{"https://h/r.git?checksum=" + sum + "#v1:sub"}, plan.Copy{}, true},
		{[]string{"git@h:r#" + sum, "ssh://h/r#" + sum}, plan.Copy{}, true},
		{[]string{"https://h/r.git#" + sum, "https://h/r.git#v1"}, plan.Copy{}, false},
		{[]string{"https://h/r.git#" + sum[:12]}, plan.Copy{}, false},
		{[]string{"https://h/r.git?checksum=" + sum[:12]}, plan.Copy{}, false},
		{[]string{"https://h/r.tar#" + sum}, plan.Copy{}, false},
		{[]string{"https://h/r.git#" + sum}, plan.Copy{Paths: []string{"x"}}, false},
		{[]string{"https://h/r.git#" + sum}, plan.Copy{Files: []plan.File{{}}}, false},
		{nil, plan.Copy{}, false},
	} {
		c.more.URLs = c.urls
		if got := pinned(c.more); got != c.want {
			t.Errorf("%q with %q and %d files: %t", c.urls, c.more.Paths, len(c.more.Files), got)
		}
	}
}
