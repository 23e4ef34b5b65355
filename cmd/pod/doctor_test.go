package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/pod-engine/pod/pkg/rootless"
)

func TestPrintFindings(t *testing.T) {
	findings := []rootless.Finding{
		{Check: "newuidmap", Status: rootless.OK, Text: "/usr/bin/newuidmap (setuid)"},
		{Check: "ping", Status: rootless.Warning, Text: "not allowed", Fix: "sudo allow"},
		{Check: "subuid", Status: rootless.Failure, Text: "none", Fix: "sudo usermod"},
	}
	for name, tt := range map[string]struct {
		colour bool
		want   string
	}{
		"plain": {false, `ok       newuidmap  /usr/bin/newuidmap (setuid)
warning  ping       not allowed
    fix: sudo allow
failure  subuid     none
    fix: sudo usermod
`},
		"colour": {true, "\x1b[32mok     \x1b[0m  newuidmap  /usr/bin/newuidmap (setuid)\n" +
			"\x1b[33mwarning\x1b[0m  ping       not allowed\n    fix: sudo allow\n" +
			"\x1b[31mfailure\x1b[0m  subuid     none\n    fix: sudo usermod\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := printFindings(&out, findings, tt.colour); err != nil {
				t.Fatal(err)
			}
			if out.String() != tt.want {
				t.Errorf("got\n%q\nwant\n%q", out.String(), tt.want)
			}
		})
	}
}

// outputOf runs a doctor command with standard output in a file.
func outputOf(t *testing.T, args ...string) ([]byte, error) {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := newDoctorCommand(&app{streams: streams{os.Stdin, out, os.Stderr}, name: "pod"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	cmd.SetArgs(args)
	runErr := cmd.ExecuteContext(t.Context())
	if _, err := out.Seek(0, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	return b, runErr
}

// Whatever this machine lacks, doctor gives valid JSON, and exit code 1 exactly when something fails.
func TestDoctorJSON(t *testing.T) {
	out, err := outputOf(t, "--format", "json")
	var findings []rootless.Finding
	if e := json.Unmarshal(out, &findings); e != nil || len(findings) == 0 {
		t.Fatalf("%v: %s", e, out)
	}
	failed := false
	for _, f := range findings {
		failed = failed || f.Status == rootless.Failure
		if (f.Fix == "") != (f.Status == rootless.OK) {
			t.Errorf("a fix goes with what is not ok: %+v", f)
		}
	}
	var exit exitError
	if errors.As(err, &exit) != failed || failed && (exit.code != 1 || exit.err != nil) || !failed && err != nil {
		t.Errorf("failure %v, but error %v", failed, err)
	}
}

func TestDoctorUnknownFormat(t *testing.T) {
	out, err := outputOf(t, "--format", "yaml")
	var usage usageError
	if !errors.As(err, &usage) || len(out) != 0 {
		t.Errorf("got %v and %q", err, out)
	}
}
