package client

import "bytes"

// detachKeys finds the detach sequence in a stream of input that arrives in arbitrary pieces. What may be its beginning
// is held back until it is known to be none, and then passed on.
type detachKeys struct {
	sequence []byte
	held     int // length of the prefix of sequence that the input so far ends with
}

// filter gives what of p (and of what was held back) goes to the container, and whether the sequence is complete; what
// follows a complete sequence is dropped.
func (d *detachKeys) filter(p []byte) (pass []byte, detached bool) {
	if len(d.sequence) == 0 {
		return p, false
	}
	if d.held == 0 && bytes.IndexByte(p, d.sequence[0]) < 0 {
		return p, false
	}
	pass = make([]byte, 0, d.held+len(p))
	for _, b := range p {
		// The text that is not passed on yet is a prefix of the sequence; find the longest suffix of that text and b
		// which is one again. The bytes before it are surely not part of a sequence.
		text := append(append([]byte(nil), d.sequence[:d.held]...), b)
		keep := len(text)
		for !bytes.HasPrefix(d.sequence, text[len(text)-keep:]) {
			keep--
		}
		if keep == len(d.sequence) {
			return pass, true
		}
		pass = append(pass, text[:len(text)-keep]...)
		d.held = keep
	}
	return pass, false
}

// flush gives what is held back at the end of the input.
func (d *detachKeys) flush() []byte {
	held := d.sequence[:d.held]
	d.held = 0
	return held
}
