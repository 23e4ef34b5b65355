package e2e

import (
	"context"
	"errors"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/podtest"
)

type command = func(ts *testscript.TestScript, neg bool, args []string)

// commands are the words that scripts have beside testscript's own. The comment at each is its documentation.
func commands() map[string]command {
	return map[string]command{
		"needs":       needs,
		"pod":         pod,
		"exits":       exits,
		"waitfor":     waitfor,
		"sigsend":     sigsend,
		"killmonitor": killmonitor,
		"tty":         tty,
		"registry":    startRegistry,
		"webserver":   webserver,
		"facts":       facts,
		"trim":        trim,
	}
}

// needs CONDITION...: skip the script unless all are met, saying what is missing.
func needs(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "needs", neg, len(args) > 0)
	sc := of(ts)
	for _, condition := range args {
		met, err := sc.condition(condition)
		ts.Check(err)
		switch {
		case met:
		case sc.complete:
			ts.Fatalf("needs %s, which has to be here: %s", condition, sc.why(condition))
		case sc.strict && podtest.Fixable(condition):
			ts.Fatalf("needs %s, which can be installed here: %s", condition, sc.why(condition))
		default:
			sc.t.Skipf("needs %s: %s", condition, sc.why(condition))
		}
	}
}

// pod ARG...: run the program under test; with !, it has to fail.
func pod(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("pod", args...)
	if neg && err == nil {
		ts.Fatalf("pod %s succeeded", strings.Join(args, " "))
	}
	if !neg && err != nil {
		ts.Fatalf("pod %s: %v", strings.Join(args, " "), err)
	}
}

// exits CODE COMMAND ARG...: the command ends with exactly this code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "exits", neg, len(args) > 1)
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	if got := exitCode(ts, ts.Exec(args[1], args[2:]...)); got != want {
		ts.Fatalf("%s ended with %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

func exitCode(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		ts.Check(err)
	}
	if status := exit.Sys().(syscall.WaitStatus); status.Signaled() {
		return 128 + int(status.Signal())
	}
	return exit.ExitCode()
}

// waitfor [-t DURATION] [-stdout REGEXP] [!] COMMAND ARG...: run the command again and again until it succeeds (fails,
// after !) and what it prints matches. Ten seconds unless told otherwise.
func waitfor(ts *testscript.TestScript, neg bool, args []string) {
	limit, pattern, fail := 10*time.Second, "", neg
	for len(args) > 0 {
		switch {
		case args[0] == "-t" && len(args) > 2:
			d, err := time.ParseDuration(args[1])
			ts.Check(err)
			limit, args = d, args[2:]
			continue
		case args[0] == "-stdout" && len(args) > 2:
			pattern, args = args[1], args[2:]
			continue
		case args[0] == "!":
			fail, args = true, args[1:]
			continue
		}
		break
	}
	plain(ts, "waitfor", false, len(args) > 0)
	match, err := regexp.Compile("(?m)" + pattern)
	ts.Check(err)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(of(ts).patience)*limit)
	defer cancel()
	err = podtest.Poll(ctx, func() (bool, error) {
		err := ts.Exec(args[0], args[1:]...)
		return (err != nil) == fail && match.MatchString(ts.ReadFile("stdout")), nil
	})
	if err != nil {
		ts.Fatalf("%s: not within %s", strings.Join(args, " "), limit)
	}
}

// sigsend SIGNAL: send a signal to the command that was started last with &.
func sigsend(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "sigsend", neg, len(args) == 1)
	signal := unix.SignalNum("SIG" + args[0])
	running := ts.BackgroundCmds()
	if signal == 0 || len(running) == 0 {
		ts.Fatalf("sigsend %s: no such signal, or nothing runs in the background", args[0])
	}
	ts.Check(running[len(running)-1].Process.Signal(signal))
}

// killmonitor CONTAINER: kill the monitor of a container, as the kernel would when memory runs out.
func killmonitor(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "killmonitor", neg, len(args) == 1)
	ts.Check(ts.Exec("pod", "inspect", "--format", "{{.State.ConmonPid}}", args[0]))
	pid, err := strconv.Atoi(strings.TrimSpace(ts.ReadFile("stdout")))
	ts.Check(err)
	if pid < 2 {
		ts.Fatalf("%s has no monitor", args[0])
	}
	ts.Check(unix.Kill(pid, unix.SIGKILL))
}

// trim VARIABLE: set a variable to what the last command printed, without the newline.
func trim(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "trim", neg, len(args) == 1)
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// plain refuses ! and wrong arguments for commands that take neither.
func plain(ts *testscript.TestScript, name string, neg, ok bool) {
	if neg {
		ts.Fatalf("! has no meaning for %s", name)
	}
	if !ok {
		ts.Fatalf("wrong arguments for %s", name)
	}
}
