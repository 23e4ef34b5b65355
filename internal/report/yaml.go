package report

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// WriteYAML prints v as YAML, by its JSON names, keys sorted. Texts that are not plain words are in double quotes with
// JSON's escapes; texts of several lines stand as a block.
// A key may take 1000 bytes when written, since YAML wants a longer one to be marked.
//
// This small writer is here because the YAML library costs every start of the program 0.16 ms, and info needs no more.
func WriteYAML(w io.Writer, v any) error {
	plain, err := viaJSON(v)
	if err != nil {
		return err
	}
	var y yamlText
	y.value(plain, 0, false)
	_, err = io.WriteString(w, strings.TrimPrefix(y.b.String(), "\n"))
	return err
}

type yamlText struct{ b strings.Builder }

// value writes v after a key or, inList, after a dash; maps and lists go below at the given depth.
func (y *yamlText) value(v any, depth int, inList bool) {
	switch v := v.(type) {
	case map[string]any:
		y.mapping(v, depth, inList)
	case []any:
		y.sequence(v, depth)
	case string:
		y.b.WriteString(" " + scalar(v, depth) + "\n")
	case bool:
		y.b.WriteString(" " + strconv.FormatBool(v) + "\n")
	case int64:
		y.b.WriteString(" " + strconv.FormatInt(v, 10) + "\n")
	case float64:
		y.b.WriteString(" " + strconv.FormatFloat(v, 'g', -1, 64) + "\n")
	default:
		y.b.WriteString(" null\n")
	}
}

func (y *yamlText) mapping(m map[string]any, depth int, inList bool) {
	if len(m) == 0 {
		y.b.WriteString(" {}\n")
		return
	}
	indent := strings.Repeat("  ", depth)
	for i, key := range slices.Sorted(maps.Keys(m)) {
		switch {
		case i == 0 && inList: // the first key stands beside the dash
			y.b.WriteString(" ")
		case i == 0:
			y.b.WriteString("\n" + indent)
		default:
			y.b.WriteString(indent)
		}
		y.b.WriteString(quoted(key) + ":")
		y.value(m[key], depth+1, false)
	}
}

func (y *yamlText) sequence(list []any, depth int) {
	if len(list) == 0 {
		y.b.WriteString(" []\n")
		return
	}
	y.b.WriteString("\n")
	for _, v := range list {
		y.b.WriteString(strings.Repeat("  ", depth) + "-")
		y.value(v, depth+1, true)
	}
}

// scalar gives s, as a block when it has several lines that a block can hold.
func scalar(s string, depth int) string {
	block := strings.Contains(s, "\n") && !strings.HasPrefix(s, " ") && !strings.HasPrefix(s, "\n") && !strings.HasSuffix(s, "\n") &&
		!strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && active(r) || outsideYAML(r) })
	if !block {
		return quoted(s)
	}
	indent := "\n" + strings.Repeat("  ", max(depth, 1))
	return "|-" + strings.ReplaceAll("\n"+s, "\n", indent)
}

// quoted gives s in quotes unless every reader of YAML takes it for the same text without.
func quoted(s string) string {
	if isPlain(s) {
		return s
	}
	text, err := marshal(s, "")
	if err != nil { // a string can always be encoded
		return strconv.QuoteToASCII(s)
	}
	return strings.NewReplacer("\ufeff", `\ufeff`, "\ufffe", `\ufffe`, "\uffff", `\uffff`).Replace(text)
}

// outsideYAML reports whether r, though valid in JSON, may stand in YAML only as an escape.
func outsideYAML(r rune) bool { return r == 0xfeff || r == 0xfffe || r == 0xffff }

// isPlain accepts words that begin with a letter or a slash and are not one of YAML's own words. It refuses more than it must.
func isPlain(s string) bool {
	if s == "" {
		return false
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	for i, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '/'
		inner := r >= '0' && r <= '9' || strings.ContainsRune("._-+,@=()", r) || r == ' ' && i+1 < len(s)
		if !letter && (i == 0 || !inner) {
			return false
		}
	}
	return true
}
