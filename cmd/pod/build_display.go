package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/build"
)

// openDisplay chooses how progress is shown; finish ends it.
func (o *buildOptions) openDisplay(a *app) (finish func(), err error) {
	nothing := func() {}
	if o.logFile != "" {
		f, err := os.Create(o.logFile)
		if err != nil {
			return nil, fmt.Errorf("write the log: %w", err)
		}
		o.job.Display = build.NewPlain(f, report.EscapeLine)
		return func() { f.Close() }, nil
	}
	kind := o.progress
	if kind == "" {
		if kind, err = parseProgress(cmp.Or(os.Getenv("BUILDKIT_PROGRESS"), "auto")); err != nil {
			return nil, fmt.Errorf("BUILDKIT_PROGRESS: %w", err)
		}
	}
	isTerminal := terminal.IsTerminal(a.Err)
	switch {
	case o.quiet || kind == "quiet" || kind == "none":
		o.job.Display = build.Silent{}
	case kind == "rawjson":
		o.job.Display = build.NewRawJSON(a.Err)
	case kind == "tty" && !isTerminal:
		return nil, errors.New("--progress tty: the standard error is not a terminal")
	case isTerminal && kind != "plain":
		live := build.NewLive(a.Err, build.LiveOptions{Escape: report.EscapeLine, Colour: colours(a.Err), Size: func() (rows, columns int) {
			size, err := terminal.WindowSize(a.Err)
			if err != nil || size.Rows == 0 || size.Columns == 0 {
				return 24, 80
			}
			return int(size.Rows), int(size.Columns)
		}})
		o.job.Display = live
		return live.Close, nil
	default:
		o.job.Display = build.NewPlain(a.Err, report.EscapeLine)
	}
	return nothing, nil
}
