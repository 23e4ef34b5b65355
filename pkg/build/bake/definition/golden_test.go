package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/rogpeppe/go-internal/txtar"
)

// TestAsBuildx compares what "bake --print" says of definitions with what docker buildx says. The sections "print" and "error" in testdata were written
// once by its package bake (v0.38.2: ReadTargets), which links a client of BuildKit and is therefore no part of the tests; errors have words of their own here.
// Where pod differs on purpose a line "differs" says why, and a last section, "pod-print" or "pod-error", how.
func TestAsBuildx(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 40 {
		t.Fatalf("%d definitions, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, err := printed(archive)
			want := archive.Files[len(archive.Files)-1]
			fails := strings.HasSuffix(want.Name, "error")
			switch {
			case fails && err == nil:
				t.Errorf("it prints\n%s\nand not the error %s", got, want.Data)
			case !fails && err != nil:
				t.Errorf("the error is %v, and it does not print\n%s", err, want.Data)
			case !fails && !same(t, got, want.Data):
				t.Errorf("it prints\n%s\nand not\n%s", got, want.Data)
			}
		})
	}
}

// printed is what bake --print prints of a case: "targets: ...", "set: ..." and "var: ..." lines, and the files.
func printed(archive *txtar.Archive) ([]byte, error) {
	var targets, set []string
	req := bake.Request{Vars: map[string]string{}, Defaults: map[string]string{"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": "linux/amd64"}}
	for line := range strings.Lines(string(archive.Comment)) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch key {
		case "targets":
			targets = strings.Fields(value)
		case "set":
			set = append(set, value)
		case "var":
			name, value, _ := strings.Cut(value, "=")
			req.Vars[name] = value
		}
	}
	for _, f := range archive.Files {
		switch f.Name {
		case "print", "error", "pod-print", "pod-error":
		default:
			req.Files = append(req.Files, bake.File{Name: f.Name, Data: f.Data})
		}
	}
	config, err := Read(req)
	if err != nil {
		return nil, err
	}
	plan, err := config.Choose(targets, set)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err = e.Encode(plan.Escaped())
	return out.Bytes(), err
}

// same compares JSON, in which the order of keys means nothing.
func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := errors.Join(json.Unmarshal(a, &x), json.Unmarshal(b, &y)); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}
