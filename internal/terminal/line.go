package terminal

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// maxLine bounds what ReadLine takes: more is no answer of a person.
const maxLine = 64 << 10

// Hide keeps what is typed from being shown. As with Raw, the caller must call restore before the process ends; ctrl-c ends the
// process by a signal as before.
func Hide(f *os.File) (restore func() error, err error) {
	fd := int(f.Fd())
	before, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, fmt.Errorf("hide what is typed on %q: %w", f.Name(), err)
	}
	hidden := *before
	hidden.Lflag &^= unix.ECHO
	hidden.Lflag |= unix.ICANON | unix.ISIG
	hidden.Iflag |= unix.ICRNL
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &hidden); err != nil {
		return nil, fmt.Errorf("hide what is typed on %q: %w", f.Name(), err)
	}
	return sync.OnceValue(func() error {
		if err := unix.IoctlSetTermios(fd, unix.TCSETSF, before); err != nil {
			return fmt.Errorf("show again what is typed on %q: %w", f.Name(), err)
		}
		return nil
	}), nil
}

// ReadLine reads one line, without its end, and nothing of what follows. The error is io.EOF when nothing comes before the end.
func ReadLine(r io.Reader) (string, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		switch {
		case n == 1 && b[0] == '\n':
			return strings.TrimSuffix(string(line), "\r"), nil
		case n == 1:
			if line = append(line, b[0]); len(line) > maxLine {
				return "", errors.New("the line does not end")
			}
		case errors.Is(err, io.EOF) && len(line) > 0:
			return string(line), nil
		case err != nil:
			return "", err
		}
	}
}
