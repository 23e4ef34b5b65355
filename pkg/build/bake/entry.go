package bake

import (
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Entry is a value of keys: "type=registry,ref=NAME" of an output or a cache.
type Entry map[string]string

// Kinds of entries by how their short form is read.
const (
	OutputEntry = "output"
	CacheEntry  = "cache"
	SecretEntry = "secret"
	AttestEntry = "attest"
)

// ParseEntry reads the form that flags have.
func ParseEntry(kind, text string) (Entry, error) {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return nil, fmt.Errorf("%q cannot be read: %w", text, err)
	}
	e := Entry{}
	if len(fields) == 1 && !strings.Contains(text, "=") {
		switch {
		case kind == CacheEntry:
			return Entry{"type": "registry", "ref": text}, nil
		case kind == OutputEntry && text == "-":
			return Entry{"type": "tar", "dest": "-"}, nil
		case kind == OutputEntry:
			return Entry{"type": "local", "dest": text}, nil
		case kind == AttestEntry:
			return Entry{"type": text}, nil
		}
	}
	for _, field := range fields {
		key, value, ok := strings.Cut(field, "=")
		if !ok && kind != AttestEntry {
			return nil, fmt.Errorf("%q in %q is not KEY=VALUE", field, text)
		}
		e[strings.ToLower(strings.TrimSpace(key))] = value
	}
	return e, e.Complete(kind)
}

// Complete checks an entry, and says a secret in one way, so that whoever looks for its file finds it.
func (e Entry) Complete(kind string) error {
	switch kind {
	case CacheEntry, OutputEntry:
		if e["type"] == "" {
			return fmt.Errorf("%q has no type", e)
		}
	case SecretEntry:
		if source, ok := e["source"]; ok {
			e["src"] = source
			delete(e, "source")
		}
		if e["type"] == "env" && e["env"] == "" && e["src"] != "" {
			e["env"] = e["src"]
			delete(e, "src")
		}
		delete(e, "type")
	}
	return nil
}

// String is the form that flags have: type first, the others sorted.
func (e Entry) String() string {
	var fields []string
	if kind, ok := e["type"]; ok {
		fields = append(fields, "type="+kind)
	}
	for _, key := range slices.Sorted(maps.Keys(e)) {
		if key == "type" {
			continue
		}
		field := key + "=" + e[key]
		if strings.ContainsAny(field, `,"`) {
			field = `"` + strings.ReplaceAll(field, `"`, `""`) + `"`
		}
		fields = append(fields, field)
	}
	return strings.Join(fields, ",")
}

// ShortAttestation is the long form of --sbom and --provenance: "true", "false" or the fields of an entry.
func ShortAttestation(kind, value string) string {
	switch value {
	case "true", "":
		return "type=" + kind
	case "false":
		return "type=" + kind + ",disabled=true"
	}
	return "type=" + kind + "," + value
}

// distinct leaves out repetitions, in the order that docker's own way of doing so gives.
func distinct(entries []Entry) []Entry {
	out := slices.Clone(entries)
	for i := len(out) - 2; i >= 0; i-- {
		if j := slices.IndexFunc(out[i+1:], func(e Entry) bool { return maps.Equal(e, out[i]) }); j >= 0 {
			last := len(out) - 1
			out[i+1+j] = out[last]
			out = out[:last]
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
