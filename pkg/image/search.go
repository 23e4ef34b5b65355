package image

import (
	"fmt"
	"strconv"
	"strings"
)

// SearchOptions say what is searched for in registries.
type SearchOptions struct {
	Access
	SearchFilter
	Limit int // results from each registry; zero: 25
	// Tags lists the tags of the repository that the term names, instead of repositories.
	Tags bool
}

// SearchFilter keeps some of what is found. Nil keeps both.
type SearchFilter struct {
	Stars               int // at least
	Official, Automated *bool
}

// Parse reads a --filter of search: "stars=N", "is-official[=BOOL]", "is-automated[=BOOL]".
func (f *SearchFilter) Parse(s string) (err error) {
	key, value, given := strings.Cut(s, "=")
	yes := true
	if given && strings.HasPrefix(key, "is-") {
		if yes, err = strconv.ParseBool(value); err != nil {
			return fmt.Errorf("filter %q: %q is neither true nor false", s, value)
		}
	}
	switch key {
	case "stars":
		if f.Stars, err = strconv.Atoi(value); err != nil || f.Stars < 0 {
			return fmt.Errorf("filter %q: %q is no number of stars", s, value)
		}
	case "is-official":
		f.Official = &yes
	case "is-automated":
		f.Automated = &yes
	default:
		return fmt.Errorf("filter %q: it is one of stars=NUMBER, is-official, is-automated", s)
	}
	return nil
}

// Keeps reports whether a result is wanted.
func (f SearchFilter) Keeps(r Found) bool {
	return r.Stars >= f.Stars && (f.Official == nil || *f.Official == r.Official) && (f.Automated == nil || *f.Automated == r.Automated)
}

// Found is what a search found: a repository, or one of its tags.
type Found struct {
	Index       string // the registry
	Name        string // full, with the registry
	Description string
	Stars       int
	Official    bool
	Automated   bool
	Tag         string
}
