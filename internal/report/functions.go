package report

import (
	"fmt"
	"reflect"
	"strings"
	"text/template"
	"unicode"
)

// functions are what docker and podman add to the functions of text/template.
func functions() template.FuncMap {
	return template.FuncMap{
		"json":       func(v any) (string, error) { return marshal(v, "") },
		"join":       join,
		"split":      func(s, sep string) []string { return strings.Split(s, sep) },
		"title":      title,
		"lower":      strings.ToLower,
		"upper":      strings.ToUpper,
		"pad":        pad,
		"truncate":   truncate,
		escapeAction: escapeValue,
	}
}

// headingFunctions take the place of functions in the heading of a table: a column name passes through unchanged.
func headingFunctions() template.FuncMap {
	same := func(v any) any { return v }
	with := func(v any, _ ...any) any { return v }
	return template.FuncMap{
		"json": same, "join": with, "split": with, "title": same, "lower": same, "upper": same,
		"pad": with, "truncate": with,
	}
}

// join accepts any list, since lists decoded from JSON are []any.
func join(list any, sep string) (string, error) {
	if words, ok := list.([]string); ok {
		return strings.Join(words, sep), nil
	}
	v := reflect.ValueOf(list)
	if v.Kind() != reflect.Slice && v.Kind() != reflect.Array {
		return "", fmt.Errorf("cannot join %T, it is no list", list)
	}
	words := make([]string, v.Len())
	for i := range words {
		words[i] = fmt.Sprint(v.Index(i).Interface())
	}
	return strings.Join(words, sep), nil
}

// title makes the first letter of each word upper case.
func title(s string) string {
	inWord := false
	return strings.Map(func(r rune) rune {
		first := !inWord
		inWord = unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '\''
		if first {
			return unicode.ToTitle(r)
		}
		return r
	}, s)
}

// pad puts spaces around s; an empty s stays empty.
func pad(s string, before, after int) (string, error) {
	const limit = 4096 // a column nobody reads; keeps a typing error from filling memory
	if before < 0 || after < 0 || before > limit || after > limit {
		return "", fmt.Errorf("cannot pad with %d and %d spaces, give 0 to %d", before, after, limit)
	}
	if s == "" {
		return "", nil
	}
	return strings.Repeat(" ", before) + s + strings.Repeat(" ", after), nil
}

// truncate gives the first n characters of s.
func truncate(s string, n int) (string, error) {
	if n < 0 {
		return "", fmt.Errorf("cannot truncate to %d characters", n)
	}
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n]), nil
	}
	return s, nil
}

// escapeAction is the function that compile appends to every action of a table.
const escapeAction = "escape__"

func escapeValue(v any) string { return Escape(fmt.Sprint(v)) }
