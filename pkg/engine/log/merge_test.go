package log

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
)

func TestMerge(t *testing.T) {
	a, b := newTestLog(t, container.LogK8sFile, 1), newTestLog(t, container.LogJSONFile, 1)
	none := newTestLog(t, container.LogK8sFile, 1)
	for i, c := range "aabbbabaab" { // records is the time of the next record in seconds
		l := map[rune]*testLog{'a': a, 'b': b}[c]
		l.records = i
		l.output(Stdout, fmt.Appendf(nil, "%c%d\n", c, i))
	}
	var got []string
	sources := []Source{a.source(), b.source(), none.source()}
	for _, followed := range []bool{false, true} {
		got = nil
		err := Merge(t.Context(), sources, Options{Tail: -1, Follow: followed}, func(i int, r Record) error {
			got = append(got, fmt.Sprintf("%d%s", i, r.Text))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if want := "0a0 0a1 1b2 1b3 1b4 0a5 1b6 0a7 0a8 1b9"; strings.Join(got, " ") != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func TestMergeFollow(t *testing.T) {
	a, b := newTestLog(t, container.LogK8sFile, 1), newTestLog(t, container.LogK8sFile, 1)
	a.output(Stdout, []byte("a0\n"))
	sources := []Source{a.source(), b.source()}
	endA, endB := make(chan struct{}), make(chan struct{})
	sources[0].Ended, sources[1].Ended = endA, endB
	idle, seen, done := make(chan struct{}, 1), make(chan string, 9), make(chan error)
	go func() {
		opts := Options{Tail: -1, Follow: true, Idle: func() {
			select {
			case idle <- struct{}{}:
			default:
			}
		}}
		done <- Merge(t.Context(), sources, opts, func(i int, r Record) error {
			seen <- string(r.Text)
			return nil
		})
	}()
	<-idle
	b.output(Stdout, []byte("b0\n")) // as old as a0, but written later
	close(endB)
	first, second := <-seen, <-seen
	a.output(Stdout, []byte("a1\n"))
	close(endA)
	if third := <-seen; first+second+third != "a0b0a1" {
		t.Errorf("%s %s %s", first, second, third)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMergeEndsAtTheFirstError(t *testing.T) {
	a, b := newTestLog(t, container.LogK8sFile, 1), newTestLog(t, container.LogK8sFile, 1)
	a.output(Stdout, []byte("a\na\n"))
	sources := []Source{a.source(), b.source()}
	sources[1].Ended = make(chan struct{}) // never
	want := errors.New("full")
	opts := Options{Tail: -1, Follow: true}
	if err := Merge(t.Context(), sources, opts, func(int, Record) error { return want }); err != want {
		t.Errorf("%v", err)
	}
	os.Remove(a.path)
	os.Mkdir(a.path, 0o700)
	if err := Merge(t.Context(), sources, opts, func(int, Record) error { return nil }); err == nil || !strings.Contains(err.Error(), `read the logs of "web"`) {
		t.Errorf("%v", err)
	}
}
