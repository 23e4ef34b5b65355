package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// bakeJobs is --jobs of bake: how targets are built beside each other.
type bakeJobs struct {
	parallel int // targets, and steps of all targets, at a time; 0: any number of targets, and a step for each processor
	// deferOutput writes nothing before all targets are built; deferError goes on with the others when a target fails.
	deferOutput, deferError bool
}

// steps is how many run at a time.
func (j bakeJobs) steps() int {
	if j.parallel > 0 {
		return j.parallel
	}
	return runtime.NumCPU()
}

// parseBakeJobs reads "N" or "[mode=]MODE[,parallel=N]".
func parseBakeJobs(s string) (j bakeJobs, err error) {
	if _, err := strconv.Atoi(s); err == nil {
		s = "parallel=" + s
	}
	seen := map[string]bool{}
	for field := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		if !ok {
			key, value = "mode", key
		}
		switch {
		case seen[key]:
			return j, fmt.Errorf("%q: %s is given twice", s, key)
		case key == "mode":
			j.deferOutput, j.deferError = value == "defer-output", value == "defer-error"
			if !j.deferOutput && !j.deferError && value != "fail-fast" {
				return j, fmt.Errorf("%q: it is fail-fast, defer-output or defer-error", value)
			}
		case key == "parallel":
			if j.parallel, err = strconv.Atoi(value); err != nil || j.parallel < 0 {
				return j, fmt.Errorf("%q: parallel is a number of targets; 0 is any number", s)
			}
		default:
			return j, fmt.Errorf("%q: it is N, or fail-fast, defer-output or defer-error, and parallel=N", s)
		}
		seen[key] = true
	}
	return j, nil
}
