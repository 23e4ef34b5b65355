package hint

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"
)

func TestWrap(t *testing.T) {
	plain := fmt.Errorf("open it: %w", fs.ErrNotExist)
	joined := errors.Join(errors.New("other"), Wrap(plain, "in a join"))
	tests := []struct {
		name string
		err  error
		hint string
	}{
		{"no hint", plain, ""},
		{"nil", nil, ""},
		{"direct", Wrap(plain, "do it"), "do it"},
		{"wrapped", fmt.Errorf("above: %w", Wrap(plain, "do it")), "do it"},
		{"the outermost counts", Wrap(fmt.Errorf("above: %w", Wrap(plain, "inner")), "outer"), "outer"},
		{"in a join", joined, "in a join"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Of(tt.err); got != tt.hint {
				t.Errorf("hint %q, want %q", got, tt.hint)
			}
			if tt.err != nil && !errors.Is(tt.err, fs.ErrNotExist) {
				t.Error("the cause is lost")
			}
		})
	}
}

func TestNilStaysNil(t *testing.T) {
	if err := Wrap(nil, "do it"); err != nil {
		t.Errorf("got %#v", err)
	}
}

func TestTheMessageDoesNotChange(t *testing.T) {
	if got := Wrap(errors.New("it broke"), "mend it").Error(); got != "it broke" {
		t.Errorf("got %q", got)
	}
}
