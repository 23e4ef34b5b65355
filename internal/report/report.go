// Package report prints answers: listings, inspected objects and single records, as an aligned table, as JSON, or by
// a Go template given with --format. The conventions are podman's, or docker's where Options.Style says so.
//
// What may contain text from an image, a registry or a container is escaped in every table, including the "table"
// templates, so that it can neither move the cursor nor forge a row (Escape). JSON keeps the data and escapes the same
// characters in JSON's own way. The output of a plain template is raw, since a program reads it.
//
// Templates are compiled only when a template was given; a default table needs none.
package report

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"
)

// Style says whose conventions an answer follows where podman and docker differ.
type Style int

const (
	// Podman prints a list as one JSON array and keeps two spaces between columns.
	Podman Style = iota
	// Docker prints a list as one JSON object per line and keeps three spaces between columns.
	Docker
)

// StyleOf gives Docker when the program was invoked as docker, else Podman.
func StyleOf(program string) Style {
	if program == "docker" {
		return Docker
	}
	return Podman
}

// Options are the flags all listing commands share.
type Options struct {
	Format    string // "", "json", "table", "table TEMPLATE" or TEMPLATE
	NoHeading bool   // leave out the row of column names
	Quiet     bool   // print only List.ID, one per line; JSON goes before it
	Style     Style
}

// Column is one column of a default table. Cell gives the raw text; the table escapes it.
type Column[T any] struct {
	Header string
	Cell   func(T) string
}

// List says how items of one kind are listed. A template sees one T at a time: its exported fields and its methods
// are the template's fields. JSON is json.Marshal of the items.
type List[T any] struct {
	Columns []Column[T]
	// ID is what --quiet prints.
	ID func(T) string
	// Headers are the column names of "table TEMPLATE", by field or method name. A name not here is spelled from the
	// field's own: ImageName becomes IMAGE NAME.
	Headers map[string]string
	// Raw is the template docker prints for --format raw; empty where docker has none.
	Raw string
}

// Write prints items. Nothing is written when the format is wrong.
func (l List[T]) Write(w io.Writer, items []T, o Options) error {
	switch format := strings.TrimSpace(o.Format); {
	case IsJSON(format):
		return l.writeJSON(w, items, o.Style)
	case o.Quiet:
		return l.writeIDs(w, items)
	case format == "" || format == "table":
		return l.writeTable(w, items, o)
	case format == "raw" && l.Raw != "" && o.Style == Docker:
		o.Format = l.Raw
	}
	return l.writeTemplate(w, items, o)
}

func (l List[T]) writeIDs(w io.Writer, items []T) error {
	b := bufio.NewWriter(w)
	for _, item := range items {
		b.WriteString(Escape(l.ID(item)))
		b.WriteByte('\n')
	}
	return b.Flush()
}

func (l List[T]) writeJSON(w io.Writer, items []T, s Style) error {
	if s == Podman {
		if items == nil {
			items = []T{}
		}
		return WriteJSON(w, items, "  ")
	}
	for _, item := range items {
		if err := WriteJSON(w, item, ""); err != nil {
			return err
		}
	}
	return nil
}

// WriteJSON prints v as JSON and ends the line; an empty indent keeps it on one line. Characters that act on a
// terminal are written as \u escapes, which every reader of JSON undoes.
func WriteJSON(w io.Writer, v any, indent string) error {
	text, err := marshal(v, indent)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text+"\n")
	return err
}

func marshal(v any, indent string) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return escapeJSON(strings.TrimSuffix(b.String(), "\n")), nil
}

// IsJSON reports whether format asks for the whole answer as JSON: the word json, or a template that does nothing else.
func IsJSON(format string) bool {
	f := strings.TrimSpace(format)
	if inner, ok := strings.CutPrefix(f, "{{"); ok {
		inner, ok = strings.CutSuffix(inner, "}}")
		if !ok {
			return false
		}
		words := strings.Fields(inner)
		return len(words) > 0 && words[0] == "json" && (len(words) == 1 || len(words) == 2 && words[1] == ".")
	}
	return strings.EqualFold(f, "json")
}
