// Package errand has a program of ours do what another must not link: the request goes to it on one descriptor and the answer
// comes back on another, as JSON, while the three standard streams stay free for what a person or a pipe sees.
//
// pod-transfer and pod-scan are such programs (see package carried for where they are found). Run is the caller's side, Serve the
// program's.
package errand

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors of the program that is asked.
const (
	requestFD = 3
	answerFD  = 4
)

// patience is how long the program may take to end after it was asked to.
const patience = 2 * time.Second

// Streams are the program's standard streams; a nil one is /dev/null.
type Streams struct {
	In       *os.File
	Out, Err io.Writer
}

// Run starts program with a request and decodes its answer into answer. When ctx ends the program is asked to end, then killed. An
// error means that there is no answer; what the program itself has to report is part of the answer.
func Run(ctx context.Context, program string, request, answer any, streams Streams) error {
	name := filepath.Base(program)
	question, err := requestFile(request)
	if err != nil {
		return fmt.Errorf("ask %s: %w", name, err)
	}
	defer question.Close()
	answers, theirs, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("ask %s: %w", name, err)
	}
	defer answers.Close()
	cmd := exec.CommandContext(ctx, program)
	cmd.ExtraFiles = []*os.File{question, theirs} // requestFD, answerFD
	if streams.In != nil {
		cmd.Stdin = streams.In
	}
	cmd.Stdout, cmd.Stderr = streams.Out, streams.Err
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		theirs.Close()
		return fmt.Errorf("start %s: %w", program, err)
	}
	theirs.Close()
	text, read := io.ReadAll(answers)
	ended := cmd.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := errors.Join(read, json.Unmarshal(text, answer)); err != nil {
		return fmt.Errorf("%s ended without an answer: %w", name, errors.Join(ended, read))
	}
	return nil
}

// requestFile is the request as a file in memory: credentials are on no command line and in no directory.
func requestFile(request any) (*os.File, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	return Memory("request", text)
}

// Memory is a file that is in no directory, with this content, to be read from its start.
func Memory(name string, content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), name)
	if _, err := f.Write(content); err != nil {
		f.Close()
		return nil, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Serve is the whole of the asked program: it reads the request, has serve answer it, and gives the exit code for main. The error is for
// a person who started the program by hand, or who mixed versions.
func Serve[Request, Answer any](serve func(Request) Answer) (code int, err error) {
	const failure = 125
	for _, fd := range []int{requestFD, answerFD} {
		unix.CloseOnExec(fd)
	}
	go endWithCaller()
	var request Request
	if err := json.NewDecoder(os.NewFile(requestFD, "request")).Decode(&request); err != nil {
		return failure, fmt.Errorf("pod starts this program with a request; it is of no use by hand: %w", err)
	}
	if err := json.NewEncoder(os.NewFile(answerFD, "answer")).Encode(serve(request)); err != nil {
		return failure, fmt.Errorf("answer: %w", err)
	}
	return 0, nil
}

// endWithCaller ends this process when nobody waits for its answer any more, since whoever asked was killed: as when it is asked to, and if that does not
// help, at once.
func endWithCaller() {
	// The end of a pipe from which nobody can read is in error (poll(2)).
	caller := []unix.PollFd{{Fd: answerFD}}
	for {
		n, err := unix.Poll(caller, -1)
		if err == nil && n > 0 && caller[0].Revents&unix.POLLERR != 0 {
			break
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
	}
	unix.Kill(unix.Getpid(), unix.SIGTERM)
	time.Sleep(patience)
	unix.Kill(unix.Getpid(), unix.SIGKILL)
}
