package build

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strconv"
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
	// noSubmodules leaves submodules as the empty directories that they are without.
	noSubmodules bool
	shown        string // without credentials, for people
}

// parseAddress reads "https://…", or "https://….git#ref:subdir", "git@host:path#…" and "ssh://…" for git, whose query may
// say ref, branch, tag, subdir, checksum, keep-git-dir and submodules as well.
func parseAddress(word string) (address, error) {
	base, fragment, _ := strings.Cut(word, "#")
	a := address{url: base}
	if !strings.Contains(base, "://") { // as scp(1) has it
		base, query, _ := strings.Cut(base, "?")
		a.git, a.url, a.shown = true, base, base
		values, err := url.ParseQuery(query)
		if err != nil {
			return a, fmt.Errorf("the query %q cannot be read", query)
		}
		return a, a.readGit(fragment, values)
	}
	u, err := url.Parse(word)
	if err != nil {
		return a, errors.New("the address cannot be read; it is like https://HOST/FILE or https://HOST/NAME.git#REF:DIRECTORY") // the error may show a password
	}
	a.git = u.Scheme == "git" || u.Scheme == "ssh" || strings.HasSuffix(u.Path, ".git")
	a.shown = u.Redacted()
	if !a.git {
		return a, nil
	}
	query := u.Query()
	u.RawQuery, u.Fragment = "", ""
	a.url = u.String()
	return a, a.readGit(fragment, query)
}

// readGit takes what fragment and query say of a repository.
func (a *address) readGit(fragment string, query url.Values) error {
	a.ref, a.subdir, _ = strings.Cut(fragment, ":")
	for _, key := range slices.Sorted(maps.Keys(query)) {
		if len(query[key]) > 1 {
			return fmt.Errorf("the query says %s twice", key)
		}
		if err := a.set(key, query.Get(key)); err != nil {
			return err
		}
	}
	for _, word := range []string{a.url, a.ref} {
		if strings.HasPrefix(word, "-") {
			return fmt.Errorf("%q cannot begin with a dash", word)
		}
	}
	return nil
}

// set takes one key of a query.
func (a *address) set(key, value string) (err error) {
	switch key {
	case "keep-git-dir":
		a.keepGit, err = switchedOn(key, value)
		return err
	case "submodules":
		on, err := switchedOn(key, value)
		a.noSubmodules = !on
		return err
	}
	to := map[string]*string{"ref": &a.ref, "branch": &a.ref, "tag": &a.ref, "subdir": &a.subdir, "checksum": &a.checksum, "commit": &a.checksum}[key]
	if to == nil {
		return fmt.Errorf("the query %q is not known; there are ref, branch, tag, subdir, checksum, keep-git-dir and submodules", key)
	}
	if value == "" {
		return fmt.Errorf("the query %s has no value", key)
	}
	switch key {
	case "branch":
		value = branches + strings.TrimPrefix(value, branches)
	case "tag":
		value = tags + strings.TrimPrefix(value, tags)
	}
	if *to != "" && *to != value {
		return fmt.Errorf("the address says %q and, with %s, %q", *to, key, value)
	}
	*to = value
	return nil
}

// Where git has branches and tags.
const (
	branches = "refs/heads/"
	tags     = "refs/tags/"
)

func switchedOn(key, value string) (bool, error) {
	if value == "" {
		return true, nil
	}
	on, err := strconv.ParseBool(value)
	if err != nil {
		err = fmt.Errorf("the query %s=%s is neither true nor false", key, value)
	}
	return on, err
}

// commit is the whole name of the commit that the address means; empty: that is for the server to say.
func (a address) commit() string {
	for _, name := range []string{a.checksum, a.ref} {
		if a.git && isCommit(name) {
			return name
		}
	}
	return ""
}

// fileName is what a file that is fetched is called.
func (a address) fileName() string {
	if u, err := url.Parse(a.url); err == nil {
		if name := path.Base(u.Path); name != "." && name != ".." && name != "/" {
			return name
		}
	}
	return "__unnamed__" // as BuildKit calls it
}
