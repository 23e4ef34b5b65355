package report

import (
	"bytes"
	"reflect"
	"slices"
	"strings"
	"unicode"
)

// headings are the column names by field, as string or listHeading. They are what a table's template is executed on for
// its first line.
type headings map[string]any

// listHeading is the column name of a field that is a list: it prints as the name, and a template can range over it.
type listHeading []string

func (l listHeading) String() string { return l[0] }

// Label names the column of {{.Label "key"}}, as docker does: the last part of the key, in words.
func (headings) Label(key string) string {
	last := key[strings.LastIndexByte(key, '.')+1:]
	return strings.NewReplacer("-", " ", "_", " ").Replace(last)
}

// heading appends the line of column names.
func (c *compiled) heading(b *bytes.Buffer, fields []field, names map[string]string, o Options) error {
	h := make(headings, len(fields))
	for _, f := range fields {
		name, ok := names[f.name]
		if !ok {
			name = strings.ToUpper(strings.Join(words(f.name), " "))
		}
		h[f.name] = name
		if f.list {
			h[f.name] = listHeading{name}
		}
	}
	var list any = h
	if c.whole {
		list = []headings{h}
	}
	t, err := c.tmpl.Clone()
	if err != nil {
		return formatError(c.source, err, nil)
	}
	t.Funcs(headingFunctions()).Option("missingkey=error")
	return (&compiled{source: c.source, tmpl: t, whole: c.whole}).execute(b, list, o.Style, fields)
}

// field is one name a template may use on an item.
type field struct {
	name string
	list bool // a slice, array or map
}

func newField(name string, t reflect.Type) field {
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return field{name, true}
	}
	return field{name, false}
}

// fieldsOf gives what a template may use on a T: exported fields, also of embedded structs, and methods without
// arguments, sorted by name. A method hides a field of its name.
func fieldsOf[T any]() []field {
	t := reflect.TypeFor[T]()
	var fields []field
	for i := range t.NumMethod() {
		m := t.Method(i)
		if m.Type.NumIn() == 1 && m.Type.NumOut() > 0 && m.Name != "MarshalJSON" && m.Name != "String" {
			fields = append(fields, newField(m.Name, m.Type.Out(0)))
		}
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct {
		for _, f := range reflect.VisibleFields(t) {
			if f.IsExported() && !f.Anonymous {
				fields = append(fields, newField(f.Name, f.Type))
			}
		}
	}
	slices.SortStableFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
	return slices.CompactFunc(fields, func(a, b field) bool { return a.name == b.name })
}

// words splits a field's name: "ImageID" into "Image" and "ID".
func words(name string) []string {
	var out []string
	runes := []rune(name)
	start := 0
	for i := 1; i < len(runes); i++ {
		starts := unicode.IsUpper(runes[i]) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if starts {
			out = append(out, string(runes[start:i]))
			start = i
		}
	}
	return append(out, string(runes[start:]))
}
