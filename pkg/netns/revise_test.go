package netns

import "testing"

func TestRevise(t *testing.T) {
	tests := []struct{ name, text, before, after, want string }{
		{"nothing changed", "a\nb\n", "a\nb\n", "a\nb\n", "a\nb\n"},
		{"a line comes", "a\n", "a\n", "a\nb\n", "a\nb\n"},
		{"a line goes", "a\nb\n", "a\nb\n", "a\n", "a\n"},
		{"what the container wrote stays", "a\nmine\nb\n", "a\nb\n", "b\nc\n", "mine\nb\nc\n"},
		{"what the container removed stays away", "mine\n", "a\nb\n", "a\nc\n", "mine\nc\n"},
		{"what is there already comes once", "a\nb\n", "", "b\n", "a\nb\n"},
		{"a last line without its end", "mine", "", "a\n", "mine\na\n"},
		{"an empty file", "", "a\n", "b\n", "b\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(Revise([]byte(tt.text), []byte(tt.before), []byte(tt.after))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
