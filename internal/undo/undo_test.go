package undo

import (
	"errors"
	"slices"
	"testing"
)

func TestStepsRunNewestFirstWhateverFails(t *testing.T) {
	var order []int
	first, third := errors.New("first"), errors.New("third")
	var s Stack
	s.Push(func() error { order = append(order, 1); return first })
	s.Push(func() error { order = append(order, 2); return nil })
	s.Push(func() error { order = append(order, 3); return third })
	cause := errors.New("cause")
	err := cause
	s.OnError(&err)
	if !slices.Equal(order, []int{3, 2, 1}) {
		t.Errorf("steps ran in the order %v", order)
	}
	for _, want := range []error{cause, first, third} {
		if !errors.Is(err, want) {
			t.Errorf("the error %q does not hold %q", err, want)
		}
	}
	if err := s.Run(); err != nil || len(order) != 3 {
		t.Errorf("steps ran a second time: %v, %v", order, err)
	}
}

func TestNothingIsUndoneWithoutAnError(t *testing.T) {
	ran := false
	operation := func() (err error) {
		s := new(Stack)
		defer s.OnError(&err)
		s.Push(func() error { ran = true; return nil })
		return nil
	}
	if err := operation(); err != nil || ran {
		t.Errorf("error %v, undone %v", err, ran)
	}
}

func TestACauseIsReturnedAsItIsWhenUndoingWorks(t *testing.T) {
	cause := errors.New("cause")
	err := cause
	s := new(Stack)
	s.Push(func() error { return nil })
	s.OnError(&err)
	if err != cause {
		t.Errorf("got %#v", err)
	}
}

func TestAStepMayPushAnother(t *testing.T) {
	var s Stack
	ran := false
	s.Push(func() error {
		s.Push(func() error { ran = true; return nil })
		return nil
	})
	if err := s.Run(); err != nil || !ran {
		t.Errorf("error %v, pushed step ran: %v", err, ran)
	}
}
