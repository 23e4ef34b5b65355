package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/creack/pty"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pod-engine/pod/internal/podtest"
)

// tty FILE COMMAND ARG...: run the command on a terminal of 24 rows and 80 columns and talk to it as FILE says, a line each:
//
//	expect REGEXP     wait until what was printed since the last match matches
//	send TEXT         type; Go's escapes are understood: \r, \x10
//	resize ROWS COLS  change the size of the window
//	exit CODE         wait for the end of the command with this code; without it, the end with code 0
//
// What was printed is the stdout of the command.
func tty(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "tty", neg, len(args) > 1)
	script := ts.ReadFile(args[0])
	d, err := startDialogue(ts, args[1], args[2:])
	ts.Check(err)
	defer d.close()
	err = d.play(script)
	fmt.Fprint(ts.Stdout(), d.printed())
	if err != nil {
		ts.Fatalf("tty %s: %v\nit printed:\n%s", args[0], err, d.printed())
	}
}

// dialogueTimeout is how long one line of a dialogue may take.
const dialogueTimeout = 15 * time.Second

// dialogue is a command on a terminal.
type dialogue struct {
	cmd      *exec.Cmd
	terminal *os.File
	drained  chan struct{}

	mu      sync.Mutex
	output  []byte
	matched int // up to here, expect has used it
}

func startDialogue(ts *testscript.TestScript, name string, args []string) (*dialogue, error) {
	path := name
	if !strings.Contains(name, "/") {
		for _, dir := range strings.Split(ts.Getenv("PATH"), ":") {
			if _, err := os.Stat(dir + "/" + name); err == nil {
				path = dir + "/" + name
				break
			}
		}
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = ts.Getenv("WORK")
	for _, entry := range of(ts).world.Env() {
		key, _, _ := strings.Cut(entry, "=")
		cmd.Env = append(cmd.Env, key+"="+ts.Getenv(key))
	}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	if err != nil {
		return nil, err
	}
	d := &dialogue{cmd: cmd, terminal: terminal, drained: make(chan struct{})}
	go d.drain()
	return d, nil
}

// drain reads until the last process on the terminal has closed it, which the kernel says with EIO.
func (d *dialogue) drain() {
	defer close(d.drained)
	buf := make([]byte, 4096)
	for {
		n, err := d.terminal.Read(buf)
		d.mu.Lock()
		d.output = append(d.output, buf[:n]...)
		d.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (d *dialogue) printed() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return strings.ReplaceAll(string(d.output), "\r\n", "\n")
}

func (d *dialogue) close() {
	d.cmd.Process.Kill()
	d.terminal.Close()
}

func (d *dialogue) play(script string) error {
	ended := false
	for _, line := range strings.Split(script, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		word, rest, _ := strings.Cut(line, " ")
		var err error
		switch word {
		case "expect":
			err = d.expect(rest)
		case "send":
			err = d.send(rest)
		case "resize":
			err = d.resize(rest)
		case "exit":
			ended = true
			err = d.exit(rest)
		default:
			err = errors.New("no such word")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", line, err)
		}
	}
	if ended {
		return nil
	}
	return d.exit("0")
}

func (d *dialogue) expect(pattern string) error {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), dialogueTimeout)
	defer cancel()
	return podtest.Poll(ctx, func() (bool, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		found := re.FindIndex(d.output[d.matched:])
		if found != nil {
			d.matched += found[1]
		}
		return found != nil, nil
	})
}

func (d *dialogue) send(text string) error {
	text, err := strconv.Unquote(`"` + text + `"`)
	if err != nil {
		return err
	}
	_, err = d.terminal.WriteString(text)
	return err
}

func (d *dialogue) resize(size string) error {
	var rows, cols uint16
	if _, err := fmt.Sscan(size, &rows, &cols); err != nil {
		return err
	}
	return pty.Setsize(d.terminal, &pty.Winsize{Rows: rows, Cols: cols})
}

func (d *dialogue) exit(code string) error {
	want, err := strconv.Atoi(code)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- d.cmd.Wait() }()
	select {
	case <-done:
	case <-time.After(dialogueTimeout):
		return errors.New("it does not end")
	}
	<-d.drained
	if got := d.cmd.ProcessState.ExitCode(); got != want {
		return fmt.Errorf("it ended with %d", got)
	}
	return nil
}
