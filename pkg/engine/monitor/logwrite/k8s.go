package logwrite

import "time"

// k8sFile writes "TIME STREAM F|P TEXT" lines, as the container runtimes of Kubernetes and podman do. The text is kept
// byte by byte.
type k8sFile struct {
	*file
	time []byte
}

func (k *k8sFile) at(now time.Time) {
	k.time = now.AppendFormat(k.time[:0], "2006-01-02T15:04:05.000000000-07:00")
}

func (k *k8sFile) record(s Stream, text []byte, partial bool) {
	b := append(k.begin(), k.time...)
	b = append(b, ' ')
	b = append(b, s.String()...)
	if partial {
		b = append(b, " P "...)
	} else {
		b = append(b, " F "...)
	}
	b = append(b, text...)
	k.end(append(b, '\n'))
}
