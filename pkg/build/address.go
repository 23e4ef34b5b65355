package build

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
)

// address is where files are fetched from: one file by HTTP, or a tree by git.
type address struct {
	git      bool
	url      string // without fragment and query where it is git's
	ref      string // branch, tag or commit; empty: the default branch
	subdir   string
	checksum string // commit, or the beginning of one
	keepGit  bool
	shown    string // without credentials, for people
}

// IsAddress reports whether a word is an address rather than a path.
func IsAddress(word string) bool {
	for _, prefix := range []string{"http://", "https://", "git://", "ssh://", "git@"} {
		if strings.HasPrefix(word, prefix) {
			return true
		}
	}
	return false
}

// parseAddress reads "https://…", or "https://….git#ref:subdir", "git@host:path#…" and "ssh://…" for git, whose query may
// say ref, branch, tag, subdir, checksum and keep-git-dir as well.
func parseAddress(word string) (address, error) {
	base, fragment, _ := strings.Cut(word, "#")
	a := address{url: base}
	if scp := strings.HasPrefix(word, "git@"); scp {
		a.git, a.shown = true, base
	} else {
		u, err := url.Parse(word)
		if err != nil {
			return a, errors.New("the address cannot be read") // the error may show a password
		}
		a.git = u.Scheme == "git" || u.Scheme == "ssh" || strings.HasSuffix(u.Path, ".git")
		a.shown = u.Redacted()
		if a.git {
			if err := a.readQuery(u.Query()); err != nil {
				return a, err
			}
			u.RawQuery, u.Fragment = "", ""
			a.url = u.String()
		}
	}
	if !a.git {
		return a, nil
	}
	if ref, subdir, _ := strings.Cut(fragment, ":"); fragment != "" {
		a.ref, a.subdir = ref, subdir
	}
	for _, word := range []string{a.url, a.ref} {
		if strings.HasPrefix(word, "-") {
			return a, fmt.Errorf("%q cannot begin with a dash", word)
		}
	}
	return a, nil
}

func (a *address) readQuery(query url.Values) error {
	for key, values := range query {
		value := values[len(values)-1]
		switch key {
		case "ref", "branch", "tag":
			a.ref = value
		case "subdir":
			a.subdir = value
		case "checksum", "commit":
			a.checksum = value
		case "keep-git-dir":
			a.keepGit = value == "" || value == "1" || value == "true"
		default:
			return fmt.Errorf("the query %q is not known; there are ref, branch, tag, subdir, checksum and keep-git-dir", key)
		}
	}
	return nil
}

// fileName is what a file that is fetched is called.
func (a address) fileName() string {
	if u, err := url.Parse(a.url); err == nil {
		if name := path.Base(u.Path); name != "." && name != "/" {
			return name
		}
	}
	return "__unnamed__" // as BuildKit calls it
}
