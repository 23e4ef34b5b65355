package build

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/timespec"
)

// Policy says which entries of the cache go.
type Policy struct {
	All     bool     // those too whose layers an image has
	Filters []Filter // all of them must match
	// Bounds in bytes; zero: none. Without any, all that matches goes. Else what was used longest ago goes first, until the cache has
	// at most MaxUsed and its file system at least MinFree; but never so much that less than Reserved is left.
	MaxUsed, MinFree, Reserved int64
}

// Choose gives the entries that go. entries are those of Builder.Entries, which has what was used last first; free is what the file system
// of the cache has.
func (p Policy) Choose(entries []Entry, free int64) []Entry {
	var total int64
	for _, e := range entries {
		total += e.own()
	}
	keep := p.keep(total, free)
	var out []Entry
	for _, e := range slices.Backward(entries) {
		if p.bounded() && total <= keep {
			break
		}
		if e.Shared && !p.All || !p.matches(e) {
			continue
		}
		total -= e.own()
		out = append(out, e)
	}
	return out
}

func (p Policy) matches(e Entry) bool {
	return !slices.ContainsFunc(p.Filters, func(match Filter) bool { return !match(e) })
}

func (p Policy) bounded() bool { return p.MaxUsed > 0 || p.MinFree > 0 || p.Reserved > 0 }

// keep is how many bytes of total may stay, as BuildKit computes it.
func (p Policy) keep(total, free int64) int64 {
	keep := p.MaxUsed
	if missing := p.MinFree - free; missing > 0 {
		if keep == 0 {
			keep = total
		}
		keep = min(keep, total-missing)
	} else if keep == 0 && p.MinFree > 0 {
		keep = total
	}
	return max(keep, p.Reserved)
}

// own is what is free when the entry goes.
func (e Entry) own() int64 {
	if e.Shared {
		return 0
	}
	return e.Size
}

// Filter chooses entries of the cache.
type Filter func(Entry) bool

// ParseFilter reads "until=DURATION" or "unused-for=DURATION" (not used since), "shared", "private" and "inuse" (their layers are those of an image, or not),
// and "id", "type" and "description" with "=VALUE", "!=VALUE", "~=PART" or "!~=PART".
func ParseFilter(text string) (Filter, error) {
	key, op, value := cutFilter(text)
	switch key {
	case "until", "unused-for":
		before, err := timespec.Ago(value, time.Now())
		if op != "=" {
			err = fmt.Errorf("it is %s=DURATION", key)
		}
		return func(e Entry) bool { return e.Used.Before(before) }, err
	case "shared", "inuse", "private":
		want, err := true, error(nil)
		if op != "" {
			want, err = strconv.ParseBool(value)
		}
		if err != nil || op != "" && op != "=" {
			return nil, fmt.Errorf("it is %s or %s=false", key, key)
		}
		return func(e Entry) bool { return e.Shared == (want == (key != "private")) }, nil
	case "id", "type", "description":
		compare := compareText(op, value)
		if compare == nil {
			return nil, fmt.Errorf("it is %s=VALUE, or with !=, ~= or !~=", key)
		}
		return func(e Entry) bool { return compare(e.field(key)) }, nil
	}
	return nil, errors.New("there are until, unused-for, id, type, description, shared, private and inuse")
}

// cutFilter splits "type!=image" into its parts; without an operator the whole is the key.
func cutFilter(text string) (key, op, value string) {
	for _, op := range []string{"!~=", "~=", "!=", "=="} {
		if key, value, ok := strings.Cut(text, op); ok && !strings.Contains(key, "=") {
			return key, op, value
		}
	}
	key, value, ok := strings.Cut(text, "=")
	if ok {
		op = "="
	}
	return key, op, value
}

func compareText(op, value string) func(string) bool {
	switch op {
	case "=", "==":
		return func(have string) bool { return have == value }
	case "!=":
		return func(have string) bool { return have != value }
	case "~=":
		return func(have string) bool { return strings.Contains(have, value) }
	case "!~=":
		return func(have string) bool { return !strings.Contains(have, value) }
	}
	return nil
}

func (e Entry) field(key string) string {
	switch key {
	case "id":
		return e.ID
	case "type":
		return string(e.Kind)
	}
	return e.Text
}
