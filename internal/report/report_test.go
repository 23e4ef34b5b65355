package report

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
)

type row struct {
	ID     string
	Names  []string
	Labels map[string]string
	Nested struct{ IP string }
}

func (r row) Image() string            { return "img:" + r.ID }
func (r row) Label(name string) string { return r.Labels[name] }

var rows = []row{
	{ID: "aaa", Names: []string{"one"}, Labels: map[string]string{"x": "1"}},
	{ID: "bbbbbbbbbbbbbbb", Names: []string{"two", "three"}},
}

func list() List[row] {
	return List[row]{
		Columns: []Column[row]{
			{"CONTAINER ID", func(r row) string { return r.ID }},
			{"NAMES", func(r row) string { return strings.Join(r.Names, ",") }},
		},
		ID:      func(r row) string { return r.ID },
		Headers: map[string]string{"ID": "CONTAINER ID"},
		Raw:     `id: {{.ID}}\n`,
	}
}

func TestWrite(t *testing.T) {
	cases := []struct {
		name string
		o    Options
		want string
	}{
		{"default", Options{}, "CONTAINER ID     NAMES\naaa              one\nbbbbbbbbbbbbbbb  two,three\n"},
		{"table", Options{Format: "table", NoHeading: true}, "aaa              one\nbbbbbbbbbbbbbbb  two,three\n"},
		{"docker", Options{Style: Docker}, "CONTAINER ID      NAMES\naaa               one\nbbbbbbbbbbbbbbb   two,three\n"},
		{"quiet", Options{Quiet: true, Format: "{{.Names}}"}, "aaa\nbbbbbbbbbbbbbbb\n"},
		{"plain", Options{Format: `{{.ID}}\t{{.Image}}`}, "aaa\timg:aaa\nbbbbbbbbbbbbbbb\timg:bbbbbbbbbbbbbbb\n"},
		{"newline given", Options{Format: `{{.ID}}\n`}, "aaa\nbbbbbbbbbbbbbbb\n"},
		{"newline given to docker", Options{Format: `{{.ID}}\n`, Style: Docker}, "aaa\n\nbbbbbbbbbbbbbbb\n\n"},
		{"nothing printed", Options{Format: `{{if false}}x{{end}}`}, "\n\n"},
		{"escape inside an action", Options{Format: `{{join .Names "\n"}}`}, "one\ntwo\nthree\n"},
		{"range over all", Options{Format: `{{range .}}{{.ID}};{{end}}`}, "aaa;bbbbbbbbbbbbbbb;"},
		{"range inside", Options{Format: `{{range .Names}}<{{.}}>{{end}}`}, "<one>\n<two><three>\n"},
		{
			"functions",
			Options{Format: `{{upper .ID | lower | title}}{{pad .ID 1 2}}|{{truncate .ID 2}}{{range split "a,b" ","}}{{println .}}{{end}}{{json .Names}}`},
			"Aaa aaa  |aaa\nb\n[\"one\"]\nBbbbbbbbbbbbbbb bbbbbbbbbbbbbbb  |bba\nb\n[\"two\",\"three\"]\n",
		},
		{
			"user table",
			Options{Format: `table {{.ID}}\t{{.Image}}`},
			"CONTAINER ID     IMAGE\naaa              img:aaa\nbbbbbbbbbbbbbbb  img:bbbbbbbbbbbbbbb\n",
		},
		{
			"spaces separate",
			Options{Format: `table {{.Image}} {{.ID}}`, NoHeading: true},
			"img:aaa              aaa\nimg:bbbbbbbbbbbbbbb  bbbbbbbbbbbbbbb\n",
		},
		{
			"spaces stay in docker",
			Options{Format: `table {{.Image}} {{.ID}}`, Style: Docker},
			"IMAGE CONTAINER ID\nimg:aaa aaa\nimg:bbbbbbbbbbbbbbb bbbbbbbbbbbbbbb\n",
		},
		{
			"heading of a label and of functions",
			Options{Format: `table {{.Label "com.x.my-key"}}\t{{upper .ID}}\t{{join .Names ","}}\t{{truncate .ID 2}}`},
			"my key      CONTAINER ID     NAMES       CONTAINER ID\n            AAA              one         aa\n            BBBBBBBBBBBBBBB  two,three   bb\n",
		},
		{
			"heading of lists",
			Options{Format: `table {{.Names}}\t{{range .Names}}<{{.}}>{{end}}`},
			"NAMES        <NAMES>\n[one]        <one>\n[two three]  <two><three>\n",
		},
		{"raw", Options{Format: "raw", Style: Docker}, "id: aaa\n\nid: bbbbbbbbbbbbbbb\n\n"},
		{
			"lines of json",
			Options{Format: "json", Style: Docker},
			`{"ID":"aaa","Names":["one"],"Labels":{"x":"1"},"Nested":{"IP":""}}` + "\n" +
				`{"ID":"bbbbbbbbbbbbbbb","Names":["two","three"],"Labels":null,"Nested":{"IP":""}}` + "\n",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var b strings.Builder
			if err := list().Write(&b, rows, c.o); err != nil {
				t.Fatal(err)
			}
			if b.String() != c.want {
				t.Errorf("got\n%q\nwant\n%q", b.String(), c.want)
			}
		})
	}
}

func TestWriteArray(t *testing.T) {
	for _, format := range []string{"json", "{{json .}}", "{{json}}", " {{ json . }} "} {
		var b strings.Builder
		if err := list().Write(&b, rows, Options{Format: format, Quiet: true}); err != nil {
			t.Fatal(err)
		}
		var got []row
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil || len(got) != 2 || got[1].ID != rows[1].ID {
			t.Errorf("%q: %v, %v", format, got, err)
		}
	}
	var b strings.Builder
	if err := list().Write(&b, nil, Options{Format: "json"}); err != nil || b.String() != "[]\n" {
		t.Errorf("empty list: %q, %v", b.String(), err)
	}
}

func TestWriteErrors(t *testing.T) {
	const fields = "the fields are .ID .Image .Labels .Names .Nested"
	cases := []struct{ format, want, hint string }{
		{`{{.ID`, `use the format "{{.ID": unclosed action`, ""},
		{`{{.Foo}}`, `use the format "{{.Foo}}": <.Foo>: can't evaluate field Foo`, fields},
		{`table {{.Foo}}`, `use the format "table {{.Foo}}": <.Foo>: map has no entry for key "Foo"`, fields},
		{`{{nothing .ID}}`, `use the format "{{nothing .ID}}": function "nothing" not defined`, ""},
		{`{{pad .ID 1 -1}}`, `use the format "{{pad .ID 1 -1}}": <pad .ID 1 -1>: error calling pad: cannot pad with 1 and -1 spaces, give 0 to 4096`, ""},
		{`{{truncate .ID -1}}`, `use the format "{{truncate .ID -1}}": <truncate .ID -1>: error calling truncate: cannot truncate to -1 characters`, ""},
		{`{{join .ID ","}}`, `use the format "{{join .ID \",\"}}": <join .ID ",">: error calling join: cannot join string, it is no list`, ""},
	}
	for _, c := range cases {
		var b strings.Builder
		err := list().Write(&b, rows, Options{Format: c.format})
		if err == nil || err.Error() != c.want || hint.Of(err) != c.hint {
			t.Errorf("%s: got %v\nhint %q\nwant %s\nhint %q", c.format, err, hint.Of(err), c.want, c.hint)
		}
		if b.Len() != 0 {
			t.Errorf("%s: printed %q before the error", c.format, b.String())
		}
	}
	// An unknown column is an error also when there is nothing to list.
	if err := list().Write(&strings.Builder{}, nil, Options{Format: "table {{.Foo}}"}); err == nil {
		t.Error("unknown field in the heading of an empty table: no error")
	}
}

func TestInspect(t *testing.T) {
	type object struct {
		ID    string `json:"Id"`
		State struct {
			Pid  int
			Size float64
		}
		Large int64
	}
	o := object{ID: "abc", Large: 1 << 60}
	o.State.Pid = 7
	cases := []struct {
		format string
		style  Style
		want   string
	}{
		{"{{.ID}}", Podman, "abc\n"},
		{"{{.Id}}", Podman, "abc\n"},
		{`{{.Id}} {{.State.Pid}} {{.Large}} {{eq .State.Pid 7}}`, Docker, "abc 7 1152921504606846976 true\n"},
		{"{{json .State}}", Podman, `{"Pid":7,"Size":0}` + "\n"},
		{"{{json .}}", Docker, `{"Id":"abc","State":{"Pid":7,"Size":0},"Large":1152921504606846976}` + "\n"},
		{"json", Docker, "[\n    {\n        \"Id\": \"abc\",\n        \"State\": {\n            \"Pid\": 7,\n            \"Size\": 0\n        },\n        \"Large\": 1152921504606846976\n    }\n]\n"},
	}
	for _, c := range cases {
		var b strings.Builder
		if err := Inspect(&b, []object{o}, c.format, c.style); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("%s: got %q, want %q", c.format, b.String(), c.want)
		}
	}
	err := Inspect(&strings.Builder{}, []object{o}, "{{.Nope}}", Podman)
	if err == nil || err.Error() != `use the format "{{.Nope}}": <.Nope>: map has no entry for key "Nope"` {
		t.Errorf("unknown field: %v", err)
	}
	var b strings.Builder
	if err := Inspect(&b, []object(nil), "", Podman); err != nil || b.String() != "[]\n" {
		t.Errorf("nothing: %q, %v", b.String(), err)
	}
}

func TestRecord(t *testing.T) {
	v := map[string]any{"Version": "1.2"}
	for format, want := range map[string]string{"json": `{"Version":"1.2"}` + "\n", "v{{.Version}}": "v1.2\n"} {
		var b strings.Builder
		if err := Record(&b, v, format, Podman); err != nil || b.String() != want {
			t.Errorf("%s: got %q, %v", format, b.String(), err)
		}
	}
}

func TestWriteFails(t *testing.T) {
	for _, o := range []Options{{}, {Format: "json"}, {Format: "{{.ID}}"}, {Quiet: true}, {Format: "table {{.ID}}"}} {
		if err := list().Write(closed{}, rows, o); !errors.Is(err, errClosed) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

var errClosed = errors.New("closed")

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errClosed }
