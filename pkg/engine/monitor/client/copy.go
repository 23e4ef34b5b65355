package client

import "io"

// CopyInput copies from a person's terminal to a process until the input ends, or until the detach keys, which are not
// passed on: then the error is ErrDetached.
func CopyInput(to io.Writer, from io.Reader, keys []byte) error {
	detach := detachKeys{sequence: keys}
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		pass, detached := detach.filter(buffer[:n])
		if err != nil {
			pass = append(pass, detach.flush()...)
		}
		if len(pass) > 0 {
			if _, err := to.Write(pass); err != nil {
				return err
			}
		}
		switch {
		case detached:
			return ErrDetached
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
	}
}
