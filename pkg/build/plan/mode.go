package plan

import (
	"fmt"
	"strconv"
	"strings"
)

// Mode is a change of permissions as chmod(1) has it, of the BSDs, which is BuildKit's: an octal number, or clauses such as "u=rwX,go-w". There only "t"
// changes the sticky bit.
type Mode struct {
	number  uint32
	clauses []clause
}

type clause struct {
	who  uint32 // the bits of the users meant: 0o4700, 0o2070, 0o0007; with "t" 0o1000
	op   byte
	bits uint32
	exec bool // X: execution for directories and for what somebody may execute
	from byte // u, g or o: the bits are those of that user
}

// everybody are the bits of all users.
const everybody = 0o6777

// ParseMode reads a mode.
func ParseMode(text string) (Mode, error) {
	if n, err := strconv.ParseUint(text, 8, 32); err == nil {
		if n > 0o7777 {
			return Mode{}, fmt.Errorf("mode %s: it is an octal number up to 7777", text)
		}
		return Mode{number: uint32(n)}, nil
	}
	var m Mode
	for part := range strings.SplitSeq(text, ",") {
		clauses, ok := parseClause(part)
		if !ok {
			return Mode{}, fmt.Errorf("mode %q: it is an octal number, or clauses such as u=rwX,go-w", text)
		}
		m.clauses = append(m.clauses, clauses...)
	}
	return m, nil
}

// parseClause reads "[ugoa]*([-+=]perms)+".
func parseClause(text string) ([]clause, bool) {
	masks := map[byte]uint32{'u': 0o4700, 'g': 0o2070, 'o': 0o0007, 'a': everybody}
	var who uint32
	for text != "" && masks[text[0]] != 0 {
		who |= masks[text[0]]
		text = text[1:]
	}
	if who == 0 {
		who = everybody
	}
	var out []clause
	for text != "" {
		c := clause{who: who, op: text[0]}
		if !strings.ContainsRune("-+=", rune(c.op)) {
			return nil, false
		}
		text = text[1:]
		for text != "" && !strings.ContainsRune("-+=", rune(text[0])) {
			if !c.add(text[0]) {
				return nil, false
			}
			text = text[1:]
		}
		out = append(out, c)
	}
	return out, len(out) > 0
}

func (c *clause) add(letter byte) bool {
	switch letter {
	case 'r':
		c.bits |= 0o444
	case 'w':
		c.bits |= 0o222
	case 'x':
		c.bits |= 0o111
	case 'X':
		c.exec = true
	case 's':
		c.bits |= 0o6000
	case 't':
		if c.who != 0o007 { // others have none
			c.bits |= 0o1000
			c.who |= 0o1000
		}
	case 'u', 'g', 'o':
		c.from = letter
	default:
		return false
	}
	return true
}

// Octal is the mode as a number, if it was given as one.
func (m Mode) Octal() (uint32, bool) { return m.number, m.clauses == nil }

// Apply gives the permissions of a file that has the permissions mode, both as in stat(2) without the type.
func (m Mode) Apply(mode uint32, isDir bool) uint32 {
	if m.clauses == nil {
		return m.number
	}
	for _, c := range m.clauses {
		bits := c.bits
		if c.exec && (isDir || mode&0o111 != 0) {
			bits |= 0o111
		}
		switch c.from {
		case 'u':
			bits |= mode >> 6 & 7 * 0o111
		case 'g':
			bits |= mode >> 3 & 7 * 0o111
		case 'o':
			bits |= mode & 7 * 0o111
		}
		bits &= c.who
		switch c.op {
		case '+':
			mode |= bits
		case '-':
			mode &^= bits
		case '=':
			clear := c.who
			if c.from != 0 {
				clear &= 0o777
			}
			mode = mode&^clear | bits
		}
	}
	return mode
}
