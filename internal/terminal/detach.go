package terminal

import (
	"fmt"
	"strings"
)

// DefaultDetachKeys is the sequence of docker and podman.
const DefaultDetachKeys = "ctrl-p,ctrl-q"

// ParseDetachKeys turns "ctrl-p,ctrl-q" into the bytes a terminal sends for these keys. Each key is one ASCII character or "ctrl-"
// and a letter or one of @ [ \ ] ^ _, in either case. An empty text gives nil: there is no way to detach.
func ParseDetachKeys(text string) ([]byte, error) {
	if text == "" {
		return nil, nil
	}
	var keys []byte
	for _, key := range strings.Split(text, ",") {
		b, ok := keyByte(key)
		if !ok {
			return nil, fmt.Errorf("detach keys %q: %q is not a character or ctrl- and one of a-z @ [ \\ ] ^ _", text, key)
		}
		keys = append(keys, b)
	}
	return keys, nil
}

func keyByte(key string) (byte, bool) {
	if len(key) == 1 && key[0] > ' ' && key[0] < 0x7f {
		return key[0], true
	}
	prefix, char, ok := strings.Cut(strings.ToLower(key), "-")
	if !ok || prefix != "ctrl" || len(char) != 1 {
		return 0, false
	}
	if c := char[0]; c >= 'a' && c <= 'z' || strings.IndexByte(`@[\]^_`, c) >= 0 {
		return c & 0x1f, true
	}
	return 0, false
}
