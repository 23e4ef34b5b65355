package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/progress"
)

// openDisplay chooses how progress is shown; finish ends it. An empty kind is what BUILDKIT_PROGRESS says.
func (a *app) openDisplay(kind, logName string, quiet bool) (display progress.Display, finish func(), err error) {
	nothing := func() {}
	if logName != "" {
		f, err := os.Create(logName)
		if err != nil {
			return nil, nil, fmt.Errorf("write the log: %w", err)
		}
		log := &logFile{File: f}
		return progress.NewPlain(log, report.EscapeLine), func() {
			if err := errors.Join(log.err, f.Close()); err != nil {
				a.warn(fmt.Sprintf("the log is not whole: %s", err))
			}
		}, nil
	}
	if kind == "" {
		if kind, err = parseProgress(cmp.Or(os.Getenv("BUILDKIT_PROGRESS"), "auto")); err != nil {
			return nil, nil, fmt.Errorf("BUILDKIT_PROGRESS: %w", err)
		}
	}
	isTerminal := terminal.IsTerminal(a.Err)
	switch {
	case quiet || kind == "quiet" || kind == "none":
		return progress.Silent{}, nothing, nil
	case kind == "rawjson":
		return progress.NewRawJSON(a.Err), nothing, nil
	case kind == "tty" && !isTerminal:
		return nil, nil, errors.New("--progress tty: the standard error is not a terminal")
	case isTerminal && kind != "plain":
		live := progress.NewLive(a.Err, progress.LiveOptions{Escape: report.EscapeLine, Colour: colours(a.Err), Size: func() (rows, columns int) {
			size, err := terminal.WindowSize(a.Err)
			if err != nil || size.Rows == 0 || size.Columns == 0 {
				return 24, 80
			}
			return int(size.Rows), int(size.Columns)
		}})
		return live, live.Close, nil
	}
	return progress.NewPlain(a.Err, report.EscapeLine), nothing, nil
}

// logFile remembers why something is missing in it.
type logFile struct {
	*os.File
	err error
}

// Write is of io.Writer.
func (l *logFile) Write(b []byte) (int, error) {
	n, err := l.File.Write(b)
	if l.err == nil {
		l.err = err
	}
	return n, err
}

// maxOutput is how much of a step's output is kept for its error, by the variable that BuildKit has for it.
func maxOutput() (int64, error) {
	text := os.Getenv("BUILDKIT_STEP_LOG_MAX_SIZE")
	if text == "" {
		return build.DefaultMaxOutput, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < -1 {
		return 0, fmt.Errorf("BUILDKIT_STEP_LOG_MAX_SIZE: %q is no number of bytes, nor -1 for all", text)
	}
	if n == 0 {
		return 1, nil
	}
	return n, nil
}

// writeEscaped copies lines; what has no end gets one.
func writeEscaped(w io.Writer, r io.Reader) {
	out, lines := bufio.NewWriter(w), bufio.NewReaderSize(r, 64<<10)
	defer out.Flush()
	open := false
	for {
		line, err := lines.ReadSlice('\n')
		text, ended := bytes.CutSuffix(line, []byte("\n"))
		out.WriteString(report.EscapeLine(string(text)))
		open = !ended && (open || len(line) > 0)
		if ended {
			out.WriteByte('\n')
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			break
		}
	}
	if open {
		out.WriteByte('\n')
	}
}
