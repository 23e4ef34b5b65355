package main

import (
	"strings"
	"testing"
)

func TestParseBakeJobs(t *testing.T) {
	for _, tt := range []struct {
		text, wrong string
		want        bakeJobs
	}{
		{text: "3", want: bakeJobs{parallel: 3}},
		{text: "0", want: bakeJobs{}},
		{text: "fail-fast", want: bakeJobs{}},
		{text: "mode=defer-output", want: bakeJobs{deferOutput: true}},
		{text: "defer-error,parallel=2", want: bakeJobs{parallel: 2, deferError: true}},
		{text: "parallel=2, defer-error", want: bakeJobs{parallel: 2, deferError: true}},
		{text: "-1", wrong: "0 is any number"},
		{text: "parallel=x", wrong: "0 is any number"},
		{text: "1,parallel=2", wrong: "it is fail-fast, defer-output or defer-error"},
		{text: "fail-fast,mode=defer-error", wrong: "mode is given twice"},
		{text: "later", wrong: "it is fail-fast"},
		{text: "size=2", wrong: "parallel=N"},
	} {
		got, err := parseBakeJobs(tt.text)
		if tt.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), tt.wrong) {
				t.Errorf("%q: %+v, %v, want %q", tt.text, got, err, tt.wrong)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("%q: %+v, %v, want %+v", tt.text, got, err, tt.want)
		}
	}
}
