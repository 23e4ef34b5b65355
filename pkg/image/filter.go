package image

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filter holds the conditions of a listing: all keys must hold, one alternative of each.
type filter struct {
	byKey        map[string][]func(*Listed) bool
	all          []func(*Listed) bool
	intermediate bool // intermediate images were asked for
}

func (f *filter) match(l *Listed) bool {
	for _, alternatives := range f.byKey {
		if !slices.ContainsFunc(alternatives, func(ok func(*Listed) bool) bool { return ok(l) }) {
			return false
		}
	}
	for _, ok := range f.all {
		if !ok(l) {
			return false
		}
	}
	return true
}

// newFilter reads the conditions. Keys: before, since and after (an image), until (a time or a span before now), label and
// label! (KEY or KEY=VALUE), reference (a pattern), dangling, intermediate, readonly, containers (true or false), id and
// digest (a beginning).
func (s *Store) newFilter(ctx context.Context, opts ListOptions) (*filter, error) {
	f := &filter{byKey: map[string][]func(*Listed) bool{}}
	if opts.Name != "" {
		f.all = append(f.all, named(opts.Name))
	}
	for _, text := range opts.Filters {
		key, value, ok := strings.Cut(text, "=")
		if strings.HasSuffix(key, "!") {
			key, value = strings.TrimSuffix(key, "!")+"!", strings.TrimPrefix(value, "=")
		}
		if !ok {
			return nil, fmt.Errorf("filter %q: it is KEY=VALUE", text)
		}
		cond, err := s.condition(ctx, key, value)
		if err != nil {
			return nil, fmt.Errorf("filter %q: %w", text, err)
		}
		if key == "intermediate" {
			f.intermediate = true
		}
		if key == "label" || key == "label!" {
			f.all = append(f.all, cond)
			continue
		}
		f.byKey[key] = append(f.byKey[key], cond)
	}
	return f, nil
}

func (s *Store) condition(ctx context.Context, key, value string) (func(*Listed) bool, error) {
	switch key {
	case "before", "since", "after":
		m, err := s.find(ctx, value)
		if err != nil {
			return nil, err
		}
		if key == "before" {
			return func(l *Listed) bool { return l.Created.Before(m.img.Created) }, nil
		}
		return func(l *Listed) bool { return l.Created.After(m.img.Created) }, nil
	case "until":
		t, err := moment(value, time.Now())
		return func(l *Listed) bool { return l.Created.Before(t) }, err
	case "label":
		return func(l *Listed) bool { return labelled(l.Labels, value) }, nil
	case "label!":
		return func(l *Listed) bool { return !labelled(l.Labels, value) }, nil
	case "reference":
		if _, err := path.Match(value, ""); err != nil {
			return nil, fmt.Errorf("%q is not a pattern", value)
		}
		return func(l *Listed) bool {
			return slices.ContainsFunc(l.Names, func(n string) bool { return resembles(value, n) })
		}, nil
	case "id":
		return func(l *Listed) bool { return strings.HasPrefix(l.ID, strings.TrimPrefix(value, "sha256:")) }, nil
	case "digest":
		return func(l *Listed) bool {
			return slices.ContainsFunc(l.Digests, func(d string) bool { return strings.HasPrefix(d, value) })
		}, nil
	}
	return boolCondition(key, value)
}

func boolCondition(key, value string) (func(*Listed) bool, error) {
	facts := map[string]func(*Listed) bool{
		"dangling":     func(l *Listed) bool { return len(l.Names) == 0 && !l.Intermediate && !l.InList },
		"intermediate": func(l *Listed) bool { return l.Intermediate },
		"readonly":     func(l *Listed) bool { return l.ReadOnly },
		"containers":   func(l *Listed) bool { return l.Containers > 0 },
	}
	fact, ok := facts[key]
	if !ok {
		return nil, fmt.Errorf("there is no such filter; there are before, containers, dangling, digest, id, intermediate, label, readonly, reference, since, until")
	}
	want, err := strconv.ParseBool(value)
	if err != nil {
		return nil, fmt.Errorf("%q is neither true nor false", value)
	}
	return func(l *Listed) bool { return fact(l) == want }, nil
}

func labelled(labels map[string]string, want string) bool {
	key, value, valued := strings.Cut(want, "=")
	have, ok := labels[key]
	return ok && (!valued || have == value)
}

// resembles matches a pattern against a name as docker and podman do: the whole name, the repository, and both without
// the registry or without everything before the last slash.
func resembles(pattern, name string) bool {
	n, err := ParseName(name)
	if err != nil {
		return false
	}
	last := n
	last.Domain, last.Path = "", n.Path[strings.LastIndexByte(n.Path, '/')+1:]
	plain := n
	plain.Domain = ""
	for _, form := range []Name{n, plain, last} {
		for _, s := range []string{form.String(), form.Repository()} {
			if ok, _ := path.Match(pattern, s); ok {
				return true
			}
		}
	}
	return false
}

// named is the NAME argument of a listing: repository, repository:tag or the beginning of an id.
func named(arg string) func(*Listed) bool {
	return func(l *Listed) bool {
		if isHex(arg) && strings.HasPrefix(l.ID, arg) {
			return true
		}
		return slices.ContainsFunc(l.Names, func(n string) bool { return resembles(arg, n) })
	}
}

// moment reads a time: RFC 3339, a date, seconds since 1970, or a span before now ("24h").
func moment(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
	}
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return time.Unix(seconds, 0), nil
	}
	return now, fmt.Errorf("%q is neither a time like 2026-01-31T12:00:00 nor a span like 24h", s)
}
