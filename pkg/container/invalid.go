package container

import (
	"fmt"
	"strings"
)

// InvalidError is a mistake in what was asked for: a value that cannot be read, or options that exclude each other.
// Its text says what is wrong and, after a semicolon, what to give instead. Nothing has been done when it is returned.
type InvalidError struct{ Text string }

func (e *InvalidError) Error() string { return e.Text }

func invalid(format string, args ...any) error {
	return &InvalidError{fmt.Sprintf(format, args...)}
}

// maxText bounds one value that ends up in an argument vector, an environment or a label: the kernel's
// MAX_ARG_STRLEN, above which execve fails with a message that names nothing.
const maxText = 128 << 10

// checkText refuses what no kernel interface can carry.
func checkText(what, s string) error {
	if strings.IndexByte(s, 0) >= 0 {
		return invalid("%s holds a NUL byte; remove it", what)
	}
	if len(s) > maxText {
		return invalid("%s is %d bytes long; the kernel takes at most %d", what, len(s), maxText)
	}
	return nil
}

// hasControl reports characters that would break a line-based file or a terminal.
func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// quoteList renders allowed words for a message: `"a", "b" or "c"`.
func quoteList(words ...string) string {
	var b strings.Builder
	for i, w := range words {
		switch {
		case i > 0 && i == len(words)-1:
			b.WriteString(" or ")
		case i > 0:
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", w)
	}
	return b.String()
}
