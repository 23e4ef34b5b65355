package progress

import (
	"bytes"
	"strings"
	"testing"
)

func TestTitled(t *testing.T) {
	var out bytes.Buffer
	d := Titled{NewPlain(&out, strings.ToUpper), "app"}
	d.Vertex("[build 1/2] run").End(true, nil)
	d.Vertex("exporting").End(true, nil)
	if want := "#1 [APP BUILD 1/2] RUN\n#1 CACHED\n#2 [APP] EXPORTING\n#2 CACHED\n"; out.String() != want {
		t.Errorf("it is %q, want %q", out.String(), want)
	}
}
