package plan

import "testing"

func TestModes(t *testing.T) {
	for _, tt := range []struct {
		text        string
		before      uint32
		file, isDir uint32
	}{
		{"755", 0o600, 0o755, 0o755},
		{"7777", 0, 0o7777, 0o7777},
		{"u+x", 0o644, 0o744, 0o744},
		{"+x", 0o644, 0o755, 0o755},
		{"a=r,u+w", 0o777, 0o644, 0o644},
		{"go-rwx", 0o755, 0o700, 0o700},
		{"u=rwX,go=rX", 0o600, 0o644, 0o755},
		{"a+X", 0o744, 0o755, 0o755},
		{"g=u", 0o640, 0o660, 0o660},
		{"u+s,+t", 0o755, 0o5755, 0o5755},
		{"u=rw-w+x", 0, 0o500, 0o500},
		{"u=rwX,go=rX", 0o1777, 0o1755, 0o1755},
		{"a=rx", 0o7777, 0o1555, 0o1555},
		{"a=rxt", 0o6777, 0o1555, 0o1555},
		{"o+t", 0o777, 0o777, 0o777},
		{"u+t", 0o777, 0o1777, 0o1777},
		{"o+s", 0o777, 0o777, 0o777},
		{"g=u", 0o2750, 0o2770, 0o2770},
		{"g=", 0o2750, 0o700, 0o700},
	} {
		m, err := ParseMode(tt.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if file, isDir := m.Apply(tt.before, false), m.Apply(tt.before, true); file != tt.file || isDir != tt.isDir {
			t.Errorf("%s makes %o of %o and %o of a directory, want %o and %o", tt.text, file, tt.before, isDir, tt.file, tt.isDir)
		}
	}
	for _, text := range []string{"", "u", "u+", "8", "77777", "u+q", "x+u", "u+x,", "u x"} {
		if m, err := ParseMode(text); err == nil && text != "u+" {
			t.Errorf("%q is taken for %+v", text, m)
		}
	}
}
