package errand

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

type request struct{ Word string }

type answer struct{ Word string }

// TestMain is also the program that is asked.
func TestMain(m *testing.M) {
	switch os.Getenv("ERRAND_TEST") {
	case "":
		os.Exit(m.Run())
	case "die":
		os.Exit(3)
	case "hang":
		fmt.Println("here")
		select {}
	case "work":
		Serve(func(request) answer { select {} })
	}
	code, err := Serve(func(r request) answer {
		fmt.Println("to the output")
		fmt.Fprintln(os.Stderr, "to the error")
		return answer{strings.ToUpper(r.Word)}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

func TestRun(t *testing.T) {
	t.Setenv("ERRAND_TEST", "serve")
	var out, errs bytes.Buffer
	var got answer
	if err := Run(t.Context(), os.Args[0], request{"word"}, &got, Streams{Out: &out, Err: &errs}); err != nil {
		t.Fatal(err)
	}
	if got.Word != "WORD" || out.String() != "to the output\n" || errs.String() != "to the error\n" {
		t.Errorf("got %+v, %q, %q", got, out.String(), errs.String())
	}
}

func TestRunWithoutAnswer(t *testing.T) {
	t.Setenv("ERRAND_TEST", "die")
	err := Run(t.Context(), os.Args[0], request{}, &answer{}, Streams{})
	if err == nil || !strings.Contains(err.Error(), "without an answer: exit status 3") {
		t.Errorf("got %v", err)
	}
	if err := Run(t.Context(), "/nonexistent/program", request{}, &answer{}, Streams{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// started tells when the program has written something.
type started chan struct{}

func (s started) Write(b []byte) (int, error) {
	select {
	case s <- struct{}{}:
	default:
	}
	return len(b), nil
}

func TestRunIsCancelled(t *testing.T) {
	t.Setenv("ERRAND_TEST", "hang")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	up := make(started, 1)
	go func() {
		<-up
		cancel()
	}()
	if err := Run(ctx, os.Args[0], request{}, &answer{}, Streams{Out: up}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// The program ends when nobody is there any more for whom it works.
func TestProgramEndsWithItsCaller(t *testing.T) {
	question, err := requestFile(request{})
	if err != nil {
		t.Fatal(err)
	}
	answers, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.ExtraFiles = []string{"ERRAND_TEST=work"}, []*os.File{question, theirs}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	answers.Close() // as the kernel does when the caller is killed
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", err)
	}
}
