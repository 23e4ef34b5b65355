package netns

import (
	"bytes"
	"slices"
)

// Revise carries a change of what pod writes into a file that the container may have edited since: lines of before that are not in
// after go, lines of after that are not in before come at the end, and all others stay as they are.
func Revise(text, before, after []byte) []byte {
	was, now := lines(before), lines(after)
	var kept [][]byte
	for _, line := range lines(text) {
		if !has(was, line) || has(now, line) {
			kept = append(kept, line)
		}
	}
	for _, line := range now {
		if !has(was, line) && !has(kept, line) {
			kept = append(kept, line)
		}
	}
	return append(bytes.Join(kept, []byte("\n")), '\n')
}

func lines(text []byte) [][]byte {
	if len(text) == 0 {
		return nil
	}
	return bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
}

func has(all [][]byte, line []byte) bool {
	return slices.ContainsFunc(all, func(o []byte) bool { return bytes.Equal(o, line) })
}
