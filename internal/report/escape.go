package report

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"unicode/utf8"
)

// Escape gives s with everything that acts on a terminal instead of showing in it made visible: control characters (C0,
// DEL, C1), bytes that are not UTF-8, line and paragraph separators, and the characters that change the direction of text
// (which reorder what a person reads). One byte becomes \x1b, one character \u202e. All other text stays as it is.
func Escape(s string) string {
	if !needsEscape(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1, active(r) && r <= 0x7f:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case active(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(s[i : i+size])
		}
		i += size
	}
	return b.String()
}

// sequences are what programs write to colour text and to move in it (ECMA-48).
var sequences = sync.OnceValue(compileSequences)

func compileSequences() *regexp.Regexp {
	return regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\x07\x1b]*(\x07|\x1b\\\\)|[@-Z\\\\^_])")
}

// EscapeLine is Escape for a line that a program has printed or a person has written: tabs stay, and sequences that colour and move are left out.
func EscapeLine(s string) string {
	if !needsEscape(s) {
		return s
	}
	parts := strings.Split(sequences().ReplaceAllString(s, ""), "\t")
	for i, part := range parts {
		parts[i] = Escape(part)
	}
	return strings.Join(parts, "\t")
}

func needsEscape(s string) bool {
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if active(r) || r == utf8.RuneError && size == 1 {
			return true
		}
		i += size
	}
	return false
}

// active reports whether a terminal, or the layout of text, does something on r other than to show it.
func active(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r <= 0x9f: // C0, DEL, C1
		return true
	case r == 0x061c, r == 0x200e, r == 0x200f: // direction marks
		return true
	case r >= 0x2028 && r <= 0x202e: // separators, embeddings and overrides
		return true
	case r >= 0x2066 && r <= 0x2069: // isolates
		return true
	}
	return false
}

// escapeJSON does for encoded JSON what Escape does for text. The encoder has done C0 and invalid UTF-8; what is left can
// only stand inside strings, except the newlines of indentation.
func escapeJSON(s string) string {
	if !strings.ContainsFunc(s, activeInJSON) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if activeInJSON(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func activeInJSON(r rune) bool { return r >= 0x7f && active(r) }
