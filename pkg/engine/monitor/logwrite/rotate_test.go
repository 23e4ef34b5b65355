package logwrite

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Rotation happens at every possible place of a sequence of records and never splits one.
func TestRotationAtEverySplit(t *testing.T) {
	var data []byte
	for i := range 40 {
		data = append(data, strings.Repeat("x", i)+"\n"...)
	}
	for limit := int64(1); limit < 3500; limit += 7 {
		path := filepath.Join(t.TempDir(), "log")
		l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: limit, MaxFile: 100})
		l.Write(Stdout, data, now, false)
		l.Close()
		if got := collect(t, path, "k8s-file", limit); got[Stdout] != string(data) {
			t.Fatalf("with a limit of %d the log holds %q", limit, got[Stdout])
		}
	}
}

func TestRotationKeepsAtMostMaxFile(t *testing.T) {
	for _, files := range []int{0, 1, 2, 3} {
		dir := t.TempDir()
		path := filepath.Join(dir, "log")
		for range 3 { // the size of what is there counts after a restart too
			l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: 200, MaxFile: files})
			for i := range 20 {
				l.Write(Stdout, []byte("line "+strconv.Itoa(i)+"\n"), now, false)
			}
			l.Close()
		}
		entries, _ := os.ReadDir(dir)
		if len(entries) != max(files, 1) {
			t.Errorf("max-file %d keeps %v", files, entries)
		}
		for _, e := range entries {
			if info, _ := e.Info(); info.Size() > 200 {
				t.Errorf("%s has %d bytes", e.Name(), info.Size())
			}
		}
		if data, _ := os.ReadFile(path); !strings.HasSuffix(string(data), "line 19\n") {
			t.Errorf("the newest record is not in the log: %q", data)
		}
	}
}

// A reader that has the old file open reads it to its end.
func TestRotationKeepsOpenFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: 60})
	l.Write(Stdout, []byte("first\n"), now, false)
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	l.Write(Stdout, []byte("second\n"), now, false)
	l.Close()
	buffer := make([]byte, 200)
	n, _ := reader.Read(buffer)
	if !strings.HasSuffix(string(buffer[:n]), "F first\n") {
		t.Errorf("the follower reads %q", buffer[:n])
	}
}

func TestTornRecordIsClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	os.WriteFile(path, []byte("2026-11-23T19:10:11.000000000+01:00 stdout F tor"), 0o600)
	l := open(t, Options{Driver: "k8s-file", Path: path})
	l.Write(Stdout, []byte("next\n"), now, false)
	l.Close()
	data, _ := os.ReadFile(path)
	if got := readK8s(t, data); got[Stdout] != "tor\nnext\n" {
		t.Errorf("got %q", got[Stdout])
	}
}

func TestLogMovedAwayOrTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l := open(t, Options{Driver: "k8s-file", Path: path, MaxSize: 120})
	l.Write(Stdout, []byte("one\n"), now, false)
	os.Truncate(path, 0)
	l.Write(Stdout, []byte("two\n"), now, false)
	l.Write(Stdout, []byte("three\n"), now, false)
	os.Remove(path)
	for range 4 {
		l.Write(Stdout, []byte("four\n"), now, false)
	}
	l.Close()
	data, _ := os.ReadFile(path)
	if got := readK8s(t, data); !strings.HasSuffix(got[Stdout], "four\n") {
		t.Errorf("got %q", got[Stdout])
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{
		{Driver: "syslog"}, {Driver: "k8s-file", Path: filepath.Join(dir, "no", "log")}, {Driver: "k8s-file", Path: fifo},
	} {
		if l, err := Open(o); err == nil {
			l.Close()
			t.Errorf("%+v is accepted", o)
		}
	}
}
