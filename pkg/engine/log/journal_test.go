package log

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/container"
)

const (
	journalFile   = "POD_TEST_JOURNAL"
	remoteProgram = "/lib/systemd/systemd-journal-remote"
)

// TestMain lets the test binary stand in for journalctl: journald runs on few of the machines that tests run on.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) == "journalctl" {
		if err := journalctl(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// journalctl gives the entries in journalFile, one JSON object per line with the line's number as cursor, as
// TestJournalctl shows the real one to do.
func journalctl(args []string) error {
	var reverse, follow bool
	from, since, until, id := 0, int64(0), int64(1)<<40, ""
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		number, _ := strconv.ParseInt(strings.TrimPrefix(value, "@"), 10, 64)
		switch name {
		case "--reverse":
			reverse = true
		case "--follow":
			follow = true
		case "--since":
			since = number
		case "--until":
			until = number
		case "--cursor":
			from = int(number)
		case "--after-cursor":
			from = int(number) + 1
		case "CONTAINER_ID_FULL":
			id = value
		case "--output", "--all", "--quiet", "--no-pager", "--no-tail":
		default:
			return fmt.Errorf("unknown option %q", arg)
		}
	}
	for look := time.NewTicker(time.Millisecond); ; <-look.C {
		data, err := os.ReadFile(os.Getenv(journalFile))
		if err != nil {
			return err
		}
		var lines []string
		all := strings.SplitAfter(string(data), "\n")
		for i, line := range all {
			if i < from || !strings.HasSuffix(line, "\n") {
				continue
			}
			from = i + 1
			_, stamp, _ := strings.Cut(line, `"__REALTIME_TIMESTAMP":"`)
			seconds, _ := strconv.ParseInt(stamp[:10], 10, 64)
			if strings.Contains(line, `"CONTAINER_ID_FULL":"`+id+`"`) && seconds >= since && seconds <= until {
				lines = append(lines, line)
			}
		}
		for i := range lines {
			if reverse {
				i = len(lines) - 1 - i
			}
			if _, err := os.Stdout.WriteString(lines[i]); err != nil {
				return err
			}
		}
		if !follow {
			return nil
		}
	}
}

// testJournal is a journal with the stand-in on PATH.
type testJournal struct {
	t    *testing.T
	path string
	n    int
}

func newTestJournal(t *testing.T) *testJournal {
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(exe, filepath.Join(dir, "journalctl")); err != nil {
		t.Fatal(err)
	}
	j := &testJournal{t: t, path: filepath.Join(dir, "journal")}
	if err := os.WriteFile(j.path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv(journalFile, j.path)
	t.Setenv("GORACE", "atexit_sleep_ms=0") // else each run of the stand-in takes a second with -race
	return j
}

func (j *testJournal) source() Source {
	return Source{Driver: container.LogJournald, ID: "abc", Name: "web"}
}

// entry appends an entry; message is JSON.
func (j *testJournal) entry(id string, s Stream, partial bool, message string) {
	j.t.Helper()
	priority := map[Stream]string{Stdout: "6", Stderr: "3"}[s]
	more := ""
	if partial {
		more = `,"CONTAINER_PARTIAL_MESSAGE":"true"`
	}
	line := fmt.Sprintf(`{"__CURSOR":"%d","__REALTIME_TIMESTAMP":"%d","CONTAINER_ID_FULL":"%s","PRIORITY":"%s","MESSAGE":%s%s}`+"\n",
		j.n, epoch().Add(time.Duration(j.n)*time.Second).UnixMicro(), id, priority, message, more)
	j.n++
	f, err := os.OpenFile(j.path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		j.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(line); err != nil {
		j.t.Fatal(err)
	}
}

func TestJournal(t *testing.T) {
	j := newTestJournal(t)
	j.entry("abc", Stdout, false, `"a"`)                 // 0
	j.entry("xyz", Stdout, false, `"other"`)             // 1
	j.entry("abc", Stderr, false, `"oops"`)              // 2
	j.entry("abc", Stdout, true, `"par"`)                // 3
	j.entry("abc", Stderr, false, `["first","second"]`)  // 4
	j.entry("abc", Stdout, false, `[98,0,255,13]`)       // 5
	j.entry("abc", Stdout, false, `null`)                // 6
	j.entry("abc", Stdout, false, `"`+longText(9e4)+`"`) // 7
	j.entry("abc", Stdout, true, `"end"`)                // 8
	l := longText(9e4)
	at := func(n int) time.Time { return epoch().Add(time.Duration(n) * time.Second) }
	for name, c := range map[string]struct {
		opts           Options
		stdout, stderr string
	}{
		"all":               {Options{Tail: -1}, "a\nparb\x00\xff\r\n" + l + "\nend", "oops\nfirst\n"},
		"tail 0":            {Options{Tail: 0}, "", ""},
		"tail 1":            {Options{Tail: 1}, "end", ""},
		"tail 3":            {Options{Tail: 3}, "parb\x00\xff\r\n" + l + "\nend", ""},
		"tail 4":            {Options{Tail: 4}, "parb\x00\xff\r\n" + l + "\nend", "first\n"},
		"tail 99":           {Options{Tail: 99}, "a\nparb\x00\xff\r\n" + l + "\nend", "oops\nfirst\n"},
		"since":             {Options{Tail: -1, Since: at(5).Add(-time.Microsecond)}, "b\x00\xff\r\n" + l + "\nend", ""},
		"until":             {Options{Tail: -1, Until: at(3)}, "a\npar", "oops\n"},
		"until, tail":       {Options{Tail: 2, Until: at(3)}, "par", "oops\n"},
		"since before 1970": {Options{Tail: 1, Since: time.Unix(-1, 0)}, "end", ""},
		"until before 1970": {Options{Tail: -1, Until: time.Unix(-1, 0)}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, followed := range []bool{false, true} {
				o := new(output)
				c.opts.Follow = followed
				if err := Read(t.Context(), j.source(), c.opts, o.give); err != nil {
					t.Fatal(err)
				}
				if o.stdout.String() != c.stdout || o.stderr.String() != c.stderr {
					t.Errorf("follow %v: %.80q and %.80q", followed, &o.stdout, &o.stderr)
				}
			}
		})
	}
}

func longText(n int) string { return strings.Repeat("l", n) }

func TestJournalFollow(t *testing.T) {
	j := newTestJournal(t)
	j.entry("abc", Stdout, false, `"old"`)
	f := follow(t, j.source(), Options{Tail: -1})
	<-f.idle
	j.entry("abc", Stdout, false, `"one"`)
	<-f.idle // journalctl has given it, or started
	j.entry("abc", Stdout, false, `"two"`)
	if got := f.end().stdout.String(); got != "old\none\ntwo\n" {
		t.Errorf("%q", got)
	}
}

func TestJournalErrors(t *testing.T) {
	j := newTestJournal(t)
	j.entry("abc", Stdout, false, `"a"`)
	want := fmt.Errorf("full")
	if err := Read(t.Context(), j.source(), Options{Tail: -1}, func(Record) error { return want }); err == nil || !strings.HasSuffix(err.Error(), "full") {
		t.Errorf("the caller's error became %v", err)
	}
	os.Remove(j.path)
	err := Read(t.Context(), j.source(), Options{Tail: -1}, new(output).give)
	if err == nil || !strings.Contains(err.Error(), "CONTAINER_ID_FULL=abc: exit status 1: open ") {
		t.Errorf("a failing journalctl: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := Read(t.Context(), j.source(), Options{Tail: -1}, new(output).give); err == nil || !strings.Contains(err.Error(), "journalctl") {
		t.Errorf("no journalctl: %v", err)
	}
}

func TestReadLineBounded(t *testing.T) {
	r := bufio.NewReaderSize(strings.NewReader(longText(2*maxEntry)+"\nnext\n"), 64<<10)
	if line, err := readLine(r); err != nil || len(line) > maxEntry+64<<10 {
		t.Errorf("%d bytes, %v", len(line), err)
	}
	if line, err := readLine(r); err != nil || string(line) != "next\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// TestJournalctl reads a real journal with the real journalctl.
func TestJournalctl(t *testing.T) {
	real, err := exec.LookPath("journalctl")
	if err != nil {
		t.Skip("missing: journalctl")
	}
	if _, err := os.Stat(remoteProgram); err != nil {
		t.Skip("missing: systemd-journal-remote, which makes a journal from text")
	}
	dir := t.TempDir()
	var export bytes.Buffer
	for i, message := range []string{"a", "par", "b\x00\xff\r\n?", longText(50000)} {
		micros := epoch().UnixMicro() + int64(i)*1e6
		fmt.Fprintf(&export, "__REALTIME_TIMESTAMP=%d\n__MONOTONIC_TIMESTAMP=%d\n_BOOT_ID=%032d\n", micros, i+1, 7)
		fmt.Fprintf(&export, "CONTAINER_ID_FULL=abc\nPRIORITY=%d\n", 6-3*(i/3))
		if i == 1 {
			export.WriteString("CONTAINER_PARTIAL_MESSAGE=true\n")
		}
		export.WriteString("MESSAGE\n")
		binary.Write(&export, binary.LittleEndian, uint64(len(message)))
		export.WriteString(message + "\n\n")
	}
	journal := filepath.Join(dir, "test.journal")
	cmd := exec.Command(remoteProgram, "-o", journal, "-")
	cmd.Stdin = &export
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script := fmt.Sprintf("#!/bin/sh\nexec %s --file=%s \"$@\"\n", real, journal)
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for _, c := range []struct {
		opts           Options
		stdout, stderr string
	}{
		{Options{Tail: -1}, "a\nparb\x00\xff\r\n?\n", longText(50000) + "\n"},
		{Options{Tail: 2}, "parb\x00\xff\r\n?\n", longText(50000) + "\n"},
		{Options{Tail: 2, Follow: true}, "parb\x00\xff\r\n?\n", longText(50000) + "\n"},
		{Options{Tail: 0, Follow: true}, "", ""},
		{Options{Tail: -1, Until: epoch().Add(time.Second)}, "a\npar", ""},
		{Options{Tail: -1, Since: epoch().Add(3 * time.Second).Truncate(time.Second)}, "", longText(50000) + "\n"},
	} {
		o := new(output)
		if err := Read(t.Context(), Source{Driver: container.LogJournald, ID: "abc", Name: "web"}, c.opts, o.give); err != nil {
			t.Fatal(err)
		}
		if o.stdout.String() != c.stdout || o.stderr.String() != c.stderr {
			t.Errorf("%+v: %.80q and %.80q", c.opts, &o.stdout, &o.stderr)
		}
	}
}
