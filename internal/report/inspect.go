package report

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
)

// Inspect prints objects in full: as a JSON array, or each through the template format. A template may use the fields'
// Go names or their JSON names ({{.ID}} and {{.Id}}), as with docker inspect.
func Inspect[T any](w io.Writer, items []T, format string, s Style) error {
	switch {
	case format == "" || IsJSON(format) && s == Podman || strings.TrimSpace(format) == "json":
		if items == nil {
			items = []T{}
		}
		return WriteJSON(w, items, "    ")
	case IsJSON(format):
		for _, item := range items {
			if err := WriteJSON(w, item, ""); err != nil {
				return err
			}
		}
		return nil
	}
	values := make([]any, len(items))
	for i, item := range items {
		values[i] = item
	}
	return writeValues(w, values, format, s)
}

// Record prints one object, as commands like version and info do: through the template format, or as JSON when the
// format asks for it. The caller prints its own layout when format is empty.
func Record(w io.Writer, v any, format string, s Style) error {
	if IsJSON(format) {
		return WriteJSON(w, v, "")
	}
	return writeValues(w, []any{v}, format, s)
}

func writeValues(w io.Writer, values []any, format string, s Style) error {
	table := strings.HasPrefix(format, "table ")
	c, err := compile(format, table, s)
	if err != nil {
		return err
	}
	c.whole = false
	var b bytes.Buffer
	for _, v := range values {
		if err := c.executeEither(&b, v, s); err != nil {
			return err
		}
	}
	return flush(w, b.Bytes(), table, s)
}

// executeEither executes the template on v, and if that fails on what v is in JSON.
func (c *compiled) executeEither(b *bytes.Buffer, v any, s Style) error {
	start := b.Len()
	if err := c.execute(b, v, s, nil); err == nil {
		return nil
	}
	b.Truncate(start)
	plain, err := viaJSON(v)
	if err != nil {
		return err
	}
	c.tmpl.Option("missingkey=error")
	defer c.tmpl.Option("missingkey=default")
	return c.execute(b, plain, s, nil)
}

// viaJSON gives v as maps, lists, strings, bools, int64 and float64.
func viaJSON(v any) (any, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		return nil, err
	}
	return withNumbers(out), nil
}

func withNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64() // what a float64 cannot hold becomes infinite, as anywhere in a template
		return f
	case []any:
		for i := range v {
			v[i] = withNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = withNumbers(v[k])
		}
	}
	return v
}
