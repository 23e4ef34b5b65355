package timespec

import (
	"errors"
	"testing"
	"time"
)

func zone(t testing.TB) *time.Location {
	t.Helper()
	return time.FixedZone("east", 5*3600+30*60)
}

func TestParse(t *testing.T) {
	east := zone(t)
	now := time.Date(2026, 1, 23, 12, 0, 0, 500, east)
	local := func(h, m, s, ns int) time.Time { return time.Date(2026, 1, 2, h, m, s, ns, east) }
	utc := func(h, m, s, ns int) time.Time { return time.Date(2026, 1, 2, h, m, s, ns, time.UTC) }
	for _, c := range []struct {
		in         string
		ago, ahead time.Time
	}{
		{"10m", now.Add(-10 * time.Minute), now.Add(10 * time.Minute)},
		{"1h30m", now.Add(-90 * time.Minute), now.Add(90 * time.Minute)},
		{"2.5s", now.Add(-2500 * time.Millisecond), now.Add(2500 * time.Millisecond)},
		{"-10m", now.Add(10 * time.Minute), now.Add(-10 * time.Minute)},
		{"0s", now, now},
		{"0", time.Unix(0, 0), time.Unix(0, 0)},
		{"1769169600", time.Unix(1769169600, 0), time.Unix(1769169600, 0)},
		{"1769169600.25", time.Unix(1769169600, 250000000), time.Unix(1769169600, 250000000)},
		{"1769169600.000000001", time.Unix(1769169600, 1), time.Unix(1769169600, 1)},
		{"-1.5", time.Unix(-1, -500000000), time.Unix(-1, -500000000)},
		{"-0.5", time.Unix(0, -500000000), time.Unix(0, -500000000)},
		{"2026-01-02", local(0, 0, 0, 0), local(0, 0, 0, 0)},
		{"2026-01-02T15", local(15, 0, 0, 0), local(15, 0, 0, 0)},
		{"2026-01-02T15:04", local(15, 4, 0, 0), local(15, 4, 0, 0)},
		{"2026-01-02T15:04:05", local(15, 4, 5, 0), local(15, 4, 5, 0)},
		{"2026-01-02T15:04:05.123456789", local(15, 4, 5, 123456789), local(15, 4, 5, 123456789)},
		{"2026-01-02Z", utc(0, 0, 0, 0), utc(0, 0, 0, 0)},
		{"2026-01-02T15Z", utc(15, 0, 0, 0), utc(15, 0, 0, 0)},
		{"2026-01-02T15:04Z", utc(15, 4, 0, 0), utc(15, 4, 0, 0)},
		{"2026-01-02T15:04:05Z", utc(15, 4, 5, 0), utc(15, 4, 5, 0)},
		{"2026-01-02T15:04:05.5Z", utc(15, 4, 5, 500000000), utc(15, 4, 5, 500000000)},
		{"2026-01-02+01:00", utc(-1, 0, 0, 0), utc(-1, 0, 0, 0)},
		{"2026-01-02T15:04:05-02:00", utc(17, 4, 5, 0), utc(17, 4, 5, 0)},
	} {
		if got, err := Ago(c.in, now); err != nil || !got.Equal(c.ago) {
			t.Errorf("Ago(%q) = %v, %v; want %v", c.in, got, err, c.ago)
		}
		if got, err := Ahead(c.in, now); err != nil || !got.Equal(c.ahead) {
			t.Errorf("Ahead(%q) = %v, %v; want %v", c.in, got, err, c.ahead)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, in := range []string{
		"", " ", "yesterday", "1d", "1769169600.", ".5", "1.0000000001", "99999999999999999999",
		"2026-13-01", "2026-01-32", "2026-01-02 15:04:05", "2026-01-02T15:04:05+25:00", "15:04", "--1", "+5", "1e9",
		"-9223372036854775808ns", "\x00", "2026-01-02T",
	} {
		if got, err := Ago(in, time.Now()); !errors.Is(err, ErrSyntax) {
			t.Errorf("Ago(%q) = %v, %v; want ErrSyntax", in, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("10m")
	f.Add("1769169600.25")
	f.Add("2026-01-02T15:04:05.5Z")
	now := time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Ago(s, now)
		if err != nil && !got.IsZero() {
			t.Errorf("Ago(%q) gives both %v and %v", s, got, err)
		}
	})
}
