package report

import (
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

func TestWriteYAML(t *testing.T) {
	v := map[string]any{
		"name": "plain words", "empty": "", "number": "12", "yes": "yes", "lines": "one\n  two: x\n\nthree", "ends": "x\n", "tab": "a\tb\nc",
		"escape": "\x1b[2J\u202e", "colon": "a: b", "hash": "a #b", "path": "/usr/bin/x", "minus": "- x", "space": "x ", "tilde": "~", "inf": ".inf",
		"list":   []any{"a", int64(1), true, nil, 1.5, []any{}, map[string]any{}, []any{"deep", []any{"deeper"}}, map[string]any{"k": "v", "l": []any{"m"}}},
		"nested": map[string]any{"a b": map[string]any{"c": int64(-1)}, "block": "x\ny", "none": map[string]any{}}, "odd: key": "1e3",
	}
	var b strings.Builder
	if err := WriteYAML(&b, v); err != nil {
		t.Fatal(err)
	}
	quietOutput(t, "yaml", b.String())
	var back map[string]any
	if err := yaml.Unmarshal([]byte(b.String()), &back); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if want := withInts(v); !reflect.DeepEqual(back, want) {
		t.Errorf("got  %#v\nwant %#v\n%s", back, want, b.String())
	}
	var small strings.Builder
	in := map[string]any{"b": map[string]any{"list": []string{"x", "-"}, "text": "one\ntwo"}, "a": 1, "maps": []any{map[string]any{"k": 1, "l": 2}}}
	const want = "a: 1\nb:\n  list:\n    - x\n    - \"-\"\n  text: |-\n    one\n    two\nmaps:\n  - k: 1\n    l: 2\n"
	if err := WriteYAML(&small, in); err != nil || small.String() != want {
		t.Errorf("%v, got\n%s", err, small.String())
	}
}

// withInts gives v as the YAML library reads it, which uses int.
func withInts(v any) any {
	switch v := v.(type) {
	case int64:
		return int(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = withInts(v[i])
		}
		return out
	case map[string]any:
		out := map[string]any{}
		for k := range v {
			out[k] = withInts(v[k])
		}
		return out
	}
	return v
}

func FuzzWriteYAML(f *testing.F) {
	for _, s := range append(hostile, "a: b", "|", "x\ny", " x\ny", "x\n\ty", "0x1f", "2001-01-01", "<<", "=", "\ufeff", "\uffff", "\ufffea\nb") {
		f.Add(s, "k")
	}
	f.Fuzz(func(t *testing.T, s, key string) {
		if !utf8.ValidString(s) || !utf8.ValidString(key) || len(quoted(key)) > 1000 {
			return // the encoder of JSON replaces what is not UTF-8; and see WriteYAML
		}
		var b strings.Builder
		if err := WriteYAML(&b, map[string]any{key: []any{s}}); err != nil {
			t.Fatal(err)
		}
		var back map[string][]string
		if err := yaml.Unmarshal([]byte(b.String()), &back); err != nil {
			t.Fatalf("%v: %q", err, b.String())
		}
		if got := back[key]; len(got) != 1 || got[0] != s {
			t.Errorf("%q came back as %q from %q", s, back, b.String())
		}
	})
}
