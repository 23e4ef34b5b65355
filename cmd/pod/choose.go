package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/image"
)

// choose has a person at a terminal say which image a short name means, when nobody else can. remember is to be called when it was right.
// Without a terminal the name stays, and the pull says what is wrong with it.
func (a *app) choose(name string) (full string, remember func() error, err error) {
	nothing := func() error { return nil }
	if !terminal.IsTerminal(a.In) || !terminal.IsTerminal(a.Err) || strings.Contains(name, "://") {
		return name, nothing, nil
	}
	choices, err := image.Choices(name)
	if err != nil || len(choices) == 0 {
		return name, nothing, nil //nolint:nilerr // the pull says it better
	}
	fmt.Fprintf(a.Err, "Which image is meant by %s?\n", report.Escape(name))
	for i, c := range choices {
		fmt.Fprintf(a.Err, "  %d  %s\n", i+1, c)
	}
	for {
		answer, err := a.ask(fmt.Sprintf("Number (1-%d): ", len(choices)), false)
		if err != nil {
			return "", nil, err
		}
		if n, err := strconv.Atoi(strings.TrimSpace(answer)); err == nil && n >= 1 && n <= len(choices) {
			chosen := choices[n-1]
			return chosen.String(), func() error { return image.Remember(name, chosen) }, nil
		}
	}
}
