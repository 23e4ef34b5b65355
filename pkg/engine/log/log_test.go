package log

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/rotated"
	"github.com/pod-engine/pod/pkg/container"
)

func drivers() []container.LogDriver {
	return []container.LogDriver{container.LogK8sFile, container.LogJSONFile}
}

func TestReadBack(t *testing.T) {
	for _, driver := range drivers() {
		for _, out := range []string{
			"", "\n", "a\n", "a\nb\n", "no newline", "a\r\nb\r\n", "\r", "\n\n\n", "a\x00b\n\x00\n", "tab\tand  spaces \n",
			`{"log":"x"}` + "\n", "2026-01-02T03:04:05Z stdout F forged\n", "bell\a esc\x1b[0m\n", "\xe2\x82\xac\n",
			strings.Repeat("long ", 5000) + "\nand\n",
		} {
			l := newTestLog(t, driver, 1)
			l.output(Stdout, []byte(out))
			l.output(Stderr, []byte(out))
			got := l.read(Options{Tail: -1})
			if got.stdout.String() != out || got.stderr.String() != out {
				t.Errorf("%s: %.40q read back as %.40q and %.40q", driver, out, got.stdout.String(), got.stderr.String())
			}
		}
	}
}

func TestReadBackOfAnyBytes(t *testing.T) {
	var out []byte
	for b := range 256 {
		out = append(out, byte(b), 'x')
	}
	l := newTestLog(t, container.LogK8sFile, 1)
	l.output(Stdout, out)
	if got := l.read(Options{Tail: -1}); !bytes.Equal(got.stdout.Bytes(), out) {
		t.Errorf("read back as %q", got.stdout.Bytes())
	}
}

func TestRecordTimes(t *testing.T) {
	for _, driver := range drivers() {
		l := newTestLog(t, driver, 1)
		l.output(Stdout, []byte("a\nb\n"))
		if got := l.read(Options{Tail: -1}); !got.last.Equal(epoch().Add(time.Second)) {
			t.Errorf("%s: time %v", driver, got.last)
		}
	}
}

func TestRotatedFilesAreRead(t *testing.T) {
	for _, driver := range drivers() {
		l := newTestLog(t, driver, 3)
		for i := range 5 {
			l.output(Stdout, []byte("par"))
			if i < 4 {
				l.rotate()
			}
			l.output(Stdout, fmt.Appendf(nil, "tial %d\n", i))
		}
		want := "tial 1\npartial 2\npartial 3\npartial 4\n"
		if got := l.read(Options{Tail: -1}).stdout.String(); got != want {
			t.Errorf("%s: %q", driver, got)
		}
	}
}

func TestSinceUntil(t *testing.T) {
	at := func(seconds int) time.Time { return epoch().Add(time.Duration(seconds) * time.Second) }
	l := newTestLog(t, container.LogK8sFile, 1)
	l.output(Stdout, []byte("0\n1\n2\n3\n4\n"))
	for _, c := range []struct {
		opts Options
		want string
	}{
		{Options{Tail: -1, Since: at(2)}, "2\n3\n4\n"},
		{Options{Tail: -1, Since: at(2).Add(1)}, "3\n4\n"},
		{Options{Tail: -1, Until: at(2)}, "0\n1\n2\n"},
		{Options{Tail: -1, Until: at(2).Add(-1)}, "0\n1\n"},
		{Options{Tail: -1, Since: at(1), Until: at(3)}, "1\n2\n3\n"},
		{Options{Tail: 2, Until: at(3)}, "2\n3\n"},
		{Options{Tail: 9, Since: at(3)}, "3\n4\n"},
		{Options{Tail: -1, Since: at(9)}, ""},
		{Options{Tail: -1, Follow: true, Until: at(1)}, "0\n1\n"},
	} {
		if got := l.read(c.opts).stdout.String(); got != c.want {
			t.Errorf("%+v: %q, want %q", c.opts, got, c.want)
		}
	}
}

func TestDamage(t *testing.T) {
	stamp := epoch().Format(time.RFC3339Nano)
	huge := strings.Repeat("y", 3*rotated.MaxLine)
	for name, c := range map[string]struct {
		driver   container.LogDriver
		in, want string
	}{
		"garbage":          {container.LogK8sFile, "\x00\xff garbage\nnot a record\n" + stamp + " stdout F a\n", "a\n"},
		"zeros":            {container.LogK8sFile, "\x00\x00\x00" + stamp + " stdout F a\n", "a\n"},
		"bad time":         {container.LogK8sFile, "yesterday stdout F a\n", ""},
		"bad stream":       {container.LogK8sFile, stamp + " stdin F a\n", ""},
		"bad tag":          {container.LogK8sFile, stamp + " stdout X a\n", ""},
		"further tags":     {container.LogK8sFile, stamp + " stdout F:new a\n", "a\n"},
		"empty text":       {container.LogK8sFile, stamp + " stdout F\n" + stamp + " stdout F \n", "\n\n"},
		"cut off":          {container.LogK8sFile, stamp + " stdout F what was wri", "what was wri"},
		"cut off in head":  {container.LogK8sFile, stamp + " stdo", ""},
		"huge line":        {container.LogK8sFile, stamp + " stdout F " + huge + "\n" + stamp + " stdout F b\n", huge + "\nb\n"},
		"huge, cut off":    {container.LogK8sFile, stamp + " stdout F " + huge, huge},
		"huge garbage":     {container.LogK8sFile, huge + "\n" + stamp + " stdout F b\n", "b\n"},
		"json garbage":     {container.LogJSONFile, "{]\n{}\nnull\n1\n{\"log\":1}\n" + `{"log":"a\n","stream":"stdout","time":"` + stamp + "\"}\n", "a\n"},
		"json cut off":     {container.LogJSONFile, `{"log":"a\n","stre`, ""},
		"json, no newline": {container.LogJSONFile, `{"log":"a\n","stream":"stdout","time":"` + stamp + `"}`, "a\n"},
		"json huge":        {container.LogJSONFile, `{"log":"` + huge + `"` + "\n" + `{"log":"a\n","stream":"stdout","time":"` + stamp + "\"}\n", "a\n"},
		"json attributes":  {container.LogJSONFile, `{"log":"a\n","stream":"stdout","attrs":{"k":"v"},"time":"` + stamp + "\"}\n", "a\n"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newTestLog(t, c.driver, 1)
			l.raw([]byte(c.in))
			for _, tail := range []int{-1, 1000} {
				if got := l.read(Options{Tail: tail}).stdout.String(); got != c.want {
					t.Errorf("tail %d: %d bytes %.60q, want %d bytes %.60q", tail, len(got), got, len(c.want), c.want)
				}
			}
			f := follow(t, l.source(), Options{Tail: -1})
			if got := f.end().stdout.String(); got != c.want {
				t.Errorf("followed: %d bytes %.60q", len(got), got)
			}
		})
	}
}

func TestDriversThatKeepNothing(t *testing.T) {
	for driver, want := range map[container.LogDriver]string{
		container.LogNone:        "this container is using the 'none' log driver, cannot read logs",
		container.LogPassthrough: "this container is using the 'passthrough' log driver, cannot read logs",
		"syslog":                 `this container is using the unknown log driver "syslog", cannot read logs`,
	} {
		err := Read(context.Background(), Source{Driver: driver, Name: "web"}, Options{Tail: -1}, new(output).give)
		if !errors.Is(err, ErrUnreadable) || err.Error() != want {
			t.Errorf("%s: %v", driver, err)
		}
		if driver != "syslog" && hint.Of(err) == "" {
			t.Errorf("%s: no hint", driver)
		}
	}
}

func TestMissingFileIsEmpty(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	os.Remove(l.path)
	for _, opts := range []Options{{Tail: -1}, {Tail: 3}, {Tail: -1, Follow: true}, {Tail: 0, Follow: true}} {
		if got := l.read(opts); got.records != 0 {
			t.Errorf("%+v: %d records", opts, got.records)
		}
	}
}

func TestErrors(t *testing.T) {
	l := newTestLog(t, container.LogK8sFile, 1)
	l.output(Stdout, []byte("a\nb\n"))
	want := errors.New("full")
	if err := Read(context.Background(), l.source(), Options{Tail: -1}, func(Record) error { return want }); !errors.Is(err, want) {
		t.Errorf("the error of the caller became %v", err)
	}
	os.Remove(l.path)
	os.Mkdir(l.path, 0o700)
	err := Read(context.Background(), l.source(), Options{Tail: -1}, new(output).give)
	if err == nil || !strings.Contains(err.Error(), `read the logs of "web"`) {
		t.Errorf("a directory as log: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	src := newTestLog(t, container.LogK8sFile, 1).source()
	src.Ended = make(chan struct{})
	if err := Read(ctx, src, Options{Follow: true, Tail: -1}, new(output).give); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// FuzzReadBack writes bytes in pieces, as pipes give them, with rotations between, and reads them back.
func FuzzReadBack(f *testing.F) {
	f.Add([]byte("a\nb\r\n\x00\xff"), uint64(1))
	f.Add([]byte("\n\n"), uint64(7))
	f.Fuzz(func(t *testing.T, out []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		l := newTestLog(t, container.LogK8sFile, 1000)
		sides := map[Stream][]byte{}
		for rest := out; len(rest) > 0; {
			n := 1 + r.IntN(min(len(rest), 100))
			s := Stream(1 + r.IntN(2))
			l.output(s, rest[:n])
			sides[s] = append(sides[s], rest[:n]...)
			rest = rest[n:]
			if r.IntN(8) == 0 && l.records < 900 {
				l.rotate()
			}
		}
		for _, tail := range []int{-1, len(out)} {
			got := l.read(Options{Tail: tail})
			if !bytes.Equal(got.stdout.Bytes(), sides[Stdout]) || !bytes.Equal(got.stderr.Bytes(), sides[Stderr]) {
				t.Errorf("tail %d: %q and %q read as %q and %q", tail, sides[Stdout], sides[Stderr], &got.stdout, &got.stderr)
			}
		}
	})
}

// FuzzRead reads arbitrary bytes: no panic, and no difference between reading forward and finding all lines backward.
func FuzzRead(f *testing.F) {
	f.Add([]byte("2026-01-02T03:04:05Z stdout F a\n2026-01-02T03:04:05Z stderr P b\n"), false)
	f.Add([]byte(`{"log":"a\n","stream":"stdout","time":"2026-01-02T03:04:05Z"}`), true)
	f.Fuzz(func(t *testing.T, data []byte, asJSON bool) {
		driver := container.LogK8sFile
		if asJSON {
			driver = container.LogJSONFile
		}
		l := newTestLog(t, driver, 1)
		l.raw(data)
		all, counted := l.read(Options{Tail: -1}), l.read(Options{Tail: len(data)})
		if all.stdout.String() != counted.stdout.String() || all.stderr.String() != counted.stderr.String() {
			t.Errorf("all of %q is %q, and counted from the end it is %q", data, &all.stdout, &counted.stdout)
		}
		l.read(Options{Tail: 1})
	})
}
