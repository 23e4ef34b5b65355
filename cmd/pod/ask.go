package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/pod-engine/pod/internal/terminal"
)

// ask has a person type a line. What is hidden is not shown while it is typed. Prompts are conversation, so they are on stderr.
func (a *app) ask(prompt string, hidden bool) (string, error) {
	fmt.Fprint(a.Err, prompt)
	line, err := a.readLine(hidden)
	if hidden {
		fmt.Fprintln(a.Err) // the person's own was not shown
	}
	if errors.Is(err, io.EOF) {
		return "", errors.New("the input ended where an answer was expected")
	}
	return line, err
}

func (a *app) readLine(hidden bool) (line string, err error) {
	if hidden && terminal.IsTerminal(a.In) {
		restore, err := terminal.Hide(a.In)
		if err != nil {
			return "", err
		}
		defer func() { err = errors.Join(err, restore()) }()
	}
	return terminal.ReadLine(a.In)
}
