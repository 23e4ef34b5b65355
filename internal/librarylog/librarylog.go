// Package librarylog shows what the storage library logs as a command says things itself.
package librarylog

import (
	"fmt"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/sirupsen/logrus"
)

// Format is a logrus.Formatter: warnings and errors are lines for a person, in the name of the program that is called; the rest, which
// is asked for by --log-level, is as logrus has it.
type Format struct{ Name string }

// Format is of logrus.Formatter.
func (f Format) Format(e *logrus.Entry) ([]byte, error) {
	if e.Level > logrus.WarnLevel {
		return new(logrus.TextFormatter).Format(e)
	}
	if routine(e.Message) && !e.Logger.IsLevelEnabled(logrus.InfoLevel) {
		return nil, nil
	}
	return fmt.Appendf(nil, "%s: warning: image store: %s\n", f.Name, report.EscapeLine(e.Message)), nil
}

// routine reports whether a message is about something that was left by a process which was killed, or by a disk that was full, and that the library
// is just taking away.
func routine(message string) bool {
	return strings.HasPrefix(message, "Found incomplete layer") || strings.HasPrefix(message, "While recovering from a failure") ||
		strings.HasPrefix(message, "Trying to create a layer") && strings.HasSuffix(message, "removing it first")
}
