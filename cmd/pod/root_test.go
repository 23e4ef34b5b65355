package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMistakesInTheCommandLine(t *testing.T) {
	for _, tt := range []struct{ args, message, hint string }{
		{"rnu box", `unknown command "rnu"`, "did you mean pod run? pod --help lists all"},
		{"image prun", `unknown command "image prun"`, "did you mean pod image prune? pod image --help lists all"},
		{"container lss", `unknown command "container lss"`, "did you mean pod container ls? pod container --help lists all"},
		{"wibble", `unknown command "wibble"`, "pod --help"},
		{"run", `"pod run" cannot be used with no argument`, "pod run [flags] IMAGE [COMMAND [ARG...]]"},
		{"tag box", `"pod tag" cannot be used with one argument ("box")`, "pod tag IMAGE NAME [NAME...] [flags]"},
		{"rename a b c", `"pod rename" cannot be used with 3 arguments`, "pod rename CONTAINER NAME [flags]"},
		{"run --detatch box", "unknown flag: --detatch", "did you mean --detach? pod run --help lists all"},
		{"run --wibble box", "unknown flag: --wibble", "pod run --help"},
		{"ps -Z", "unknown shorthand flag: 'Z' in -Z", "pod ps --help"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stderr")
			f, err := os.Create(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if code := run(append([]string{"pod"}, strings.Fields(tt.args)...), streams{os.Stdin, f, f}); code != 125 {
				t.Errorf("exit code %d, want 125", code)
			}
			got, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if want := "pod: " + tt.message + "\nhint: " + tt.hint + "\n"; string(got) != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}
