package logwrite

import (
	"bytes"
	"unicode/utf8"
)

// cut splits p after its first newline, which it drops.
func cut(p []byte) (line, rest []byte, found bool) {
	if i := bytes.IndexByte(p, '\n'); i >= 0 {
		return p[:i], p[i+1:], true
	}
	return p, nil, false
}

// boundary gives the largest n <= limit at which p may be split: anywhere, or only between characters when the log
// needs whole ones. It is limit when the bytes before it are no beginning of a character. It is 0 only when all of
// p[:limit] is the beginning of one character.
func (l *Log) boundary(p []byte, limit int) int {
	if !l.whole {
		return limit
	}
	for back := 1; back < utf8.UTFMax && back <= limit; back++ {
		tail := p[limit-back : limit]
		if !utf8.RuneStart(tail[0]) {
			continue
		}
		if !utf8.FullRune(tail) {
			return limit - back
		}
		break
	}
	return limit
}
