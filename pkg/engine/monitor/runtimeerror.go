package monitor

import (
	"strconv"
	"strings"
)

// RuntimeMessage finds in the output of an OCI runtime the message that says why it failed: the last error, in any of the
// forms crun and runc write (plain, `time=… level=error msg="…"`, JSON), without the runtime's own preamble.
func RuntimeMessage(output string) string {
	message := ""
	for _, line := range strings.Split(output, "\n") {
		text, isError := logLine(strings.TrimSpace(line))
		if text != "" && (isError || message == "") {
			message = text
		}
	}
	for _, preamble := range []string{
		"runc create failed: ", "runc run failed: ", "runc start failed: ",
		"unable to start container process: ",
	} {
		message = strings.TrimPrefix(message, preamble)
	}
	return OneLine(message)
}

// logLine takes the message out of one line of a runtime's log, and whether it is an error. Plain lines are.
func logLine(line string) (text string, isError bool) {
	var level, message string
	switch {
	case strings.HasPrefix(line, "{"):
		level, message = quoted(line, `"level":`), quoted(line, `"msg":`)
	case strings.HasPrefix(line, "time="):
		_, level, _ = strings.Cut(line, " level=")
		level, _, _ = strings.Cut(level, " ")
		message = quoted(line, " msg=")
		if message == "" {
			_, message, _ = strings.Cut(line, " msg=")
		}
	}
	if message == "" {
		return line, true
	}
	return message, level == "error" || level == "fatal" || level == "panic"
}

// quoted gives the unquoted string that follows key in line. JSON and Go quote these messages alike but for \/.
func quoted(line, key string) string {
	_, rest, ok := strings.Cut(line, key)
	if !ok {
		return ""
	}
	text, err := strconv.QuotedPrefix(strings.ReplaceAll(strings.TrimLeft(rest, " "), `\/`, `/`))
	if err != nil {
		return ""
	}
	text, err = strconv.Unquote(text)
	if err != nil {
		return ""
	}
	return text
}

// RuntimeKind tells from a runtime's message whether the container's own command was the reason.
func RuntimeKind(message string) Kind {
	m := strings.ToLower(message)
	command := strings.Contains(m, `exec: "`) || strings.Contains(m, "executable")
	switch {
	case !command:
		return KindRuntime
	case strings.Contains(m, "not found"), strings.Contains(m, "no such file or directory"):
		return KindNotFound
	case strings.Contains(m, "permission denied"), strings.Contains(m, "not permitted"),
		strings.Contains(m, "is a directory"), strings.Contains(m, "exec format error"),
		strings.Contains(m, "not executable"):
		return KindNotExecutable
	}
	return KindRuntime
}

// RuntimeKeyrings tells from a runtime's message that the user has no kernel keyring left for the container.
func RuntimeKeyrings(message string) bool {
	m := strings.ToLower(message)
	return strings.Contains(m, "keyring") && strings.Contains(m, "disk quota exceeded")
}

// RuntimePaused tells from a runtime's message that it refused to work on a container because that is paused.
func RuntimePaused(message string) bool {
	return strings.HasSuffix(message, "is paused") || strings.Contains(message, "in a paused container")
}

// OneLine makes text fit for one line of a message: lines are joined, control characters go.
func OneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r == 0x7f:
			return -1
		}
		return r
	}, strings.TrimSpace(text))
	return strings.TrimSpace(text[:min(len(text), 2000)])
}
