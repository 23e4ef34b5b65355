package report

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are texts as an image or container could carry them in a name, label, command or error.
var hostile = []string{
	"\x1b[2J\x1b[H", "\x1b]0;title\x07", "\x1b]52;c;ZXZpbA==\x1b\\", "\x1bP+q\x1b\\", "\x9b31m", "\u009b31m", "\u0090q\u009c",
	"a\rb", "a\nb", "a\tb", "a\vb\fc", "\x00\x08\x08", "\x7f", "\u202etxt.exe", "\u2066x\u2069", "\u200fx", "\u061cx", "\u2028x",
	"\xff\xfe", "\xc2", "\xed\xa0\x80", "\x0e\x0f", "\x85", "\u0085",
}

func TestEscape(t *testing.T) {
	cases := map[string]string{
		"plain ü 世界 👩‍💻":  "plain ü 世界 👩‍💻",
		"":                "",
		"\x1b[31mred":     `\x1b[31mred`,
		"a\tb\nc":         `a\x09b\x0ac`,
		"\x9b":            `\x9b`,
		"\u009b":          `\u009b`,
		"\u202egnp.exe":   `\u202egnp.exe`,
		"\x7f":            `\x7f`,
		"bad\xffutf":      `bad\xffutf`,
		"kept \ufffd":     "kept \ufffd",
		`back\slash \x1b`: `back\slash \x1b`,
	}
	for in, want := range cases {
		if got := Escape(in); got != want {
			t.Errorf("Escape(%q) = %q, want %q", in, got, want)
		}
	}
}

// quietOutput fails the test when text holds anything but what shows, and newlines.
func quietOutput(t *testing.T, what, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("%s: not UTF-8: %q", what, text)
	}
	for _, r := range text {
		if r != '\n' && active(r) {
			t.Errorf("%s: %q in %q", what, r, text)
		}
	}
}

func TestEscapeLine(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\tb\t": "a\tb\t", "\x1b[32mgreen\x1b[0m\tx": "green\tx", "\x1b]0;title\x07shown": "shown", "\x1b\x1b[m[31mred": `\x1b[31mred`,
		"bell\x07": `bell\x07`, "\x1b[2J\x1b[Hgone": "gone", "\xff\t": "\\xff\t", "\x9b31m": `\x9b31m`,
	} {
		if got := EscapeLine(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestHostileTables(t *testing.T) {
	formats := []string{
		"", "table {{.ID}}\t{{.Names}}\t{{.Image}}\t{{.Label \"k\"}}\t{{.Labels}}",
		"table {{range .Names}}{{.}}{{end}}{{if .ID}}{{.ID}}{{else}}-{{end}}{{with .Label \"k\"}}{{.}}{{end}}",
		"table {{range .}}{{.ID}}{{end}}", `table {{define "x"}}{{.}}{{end}}{{template "x" .ID}}`, `table {{$x := .ID}}{{$x}}`,
	}
	for _, style := range []Style{Podman, Docker} {
		for _, h := range hostile {
			r := row{ID: h, Names: []string{h}, Labels: map[string]string{"k": h}}
			for _, f := range formats {
				var b strings.Builder
				if err := list().Write(&b, []row{r}, Options{Format: f, Style: style}); err != nil {
					t.Errorf("%q: %v", f, err)
				}
				quietOutput(t, f, b.String())
				if n := strings.Count(b.String(), "\n"); n > 2 {
					t.Errorf("%q with %q: forged a row: %q", f, h, b.String())
				}
			}
			var b strings.Builder
			if err := list().Write(&b, []row{r}, Options{Quiet: true}); err != nil {
				t.Error(err)
			}
			quietOutput(t, "quiet", b.String())
		}
	}
}

func TestHostileJSON(t *testing.T) {
	for _, h := range hostile {
		var b strings.Builder
		if err := WriteJSON(&b, []string{h}, "  "); err != nil {
			t.Fatal(err)
		}
		quietOutput(t, "json", b.String())
		var back []string
		if err := json.Unmarshal([]byte(b.String()), &back); err != nil || len(back) != 1 {
			t.Fatalf("%q: %v", b.String(), err)
		}
		if want := strings.ToValidUTF8(h, "\ufffd"); utf8.ValidString(h) && back[0] != want {
			t.Errorf("%q came back as %q", h, back[0])
		}
	}
}

func FuzzEscape(f *testing.F) {
	for _, h := range hostile {
		f.Add(h)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Escape(s)
		quietOutput(t, "escape", strings.ReplaceAll(got, "\n", "\x00"))
		if Escape(got) != got {
			t.Errorf("escaping twice changes %q", got)
		}
	})
}
