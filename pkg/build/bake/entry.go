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
	SSHEntry    = "ssh"
	AttestEntry = "attest"
)

// ParseEntry reads the form that flags have.
func ParseEntry(kind, text string) (Entry, error) {
	fields, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return nil, fmt.Errorf("%q cannot be read: %w", text, err)
	}
	if kind == SSHEntry {
		id, paths, _ := strings.Cut(text, "=")
		e := Entry{"id": id}
		if paths != "" {
			e["paths"] = paths
		}
		return e, nil
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
	return e, nil
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

// ssh is the form of --ssh.
func (e Entry) ssh() string {
	if e["paths"] == "" {
		return e["id"]
	}
	return e["id"] + "=" + e["paths"]
}
