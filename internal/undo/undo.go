// Package undo collects the steps that take back what an operation has done so far.
package undo

import "errors"

// Stack holds undo steps; the zero value is ready. It is used by one goroutine.
//
//	undo := new(undo.Stack)
//	defer undo.OnError(&err)
type Stack struct{ steps []func() error }

// Push adds a step that will run before all steps pushed earlier.
func (s *Stack) Push(step func() error) { s.steps = append(s.steps, step) }

// OnError runs all steps, newest first, when *err is not nil, and joins their errors to it.
func (s *Stack) OnError(err *error) {
	if *err == nil {
		return
	}
	if undone := s.Run(); undone != nil {
		*err = errors.Join(*err, undone)
	}
}

// Run runs all steps, newest first, whatever each returns, forgets them, and returns their errors joined.
func (s *Stack) Run() error {
	var errs []error
	for len(s.steps) > 0 {
		last := len(s.steps) - 1
		step := s.steps[last]
		s.steps = s.steps[:last]
		if err := step(); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
