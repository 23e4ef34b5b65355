package report

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		ago  time.Duration
		want string
	}{
		{-time.Hour, "Less than a second"},
		{0, "Less than a second"},
		{time.Second, "1 second"},
		{59 * time.Second, "59 seconds"},
		{60 * time.Second, "About a minute"},
		{119 * time.Second, "About a minute"},
		{2 * time.Minute, "2 minutes"},
		{59*time.Minute + 59*time.Second, "59 minutes"},
		{time.Hour, "About an hour"},
		{89 * time.Minute, "About an hour"},
		{90 * time.Minute, "2 hours"},
		{47 * time.Hour, "47 hours"},
		{48 * time.Hour, "2 days"},
		{13 * 24 * time.Hour, "13 days"},
		{14 * 24 * time.Hour, "2 weeks"},
		{59 * 24 * time.Hour, "8 weeks"},
		{60 * 24 * time.Hour, "2 months"},
		{729 * 24 * time.Hour, "24 months"},
		{730 * 24 * time.Hour, "2 years"},
		{1<<63 - 1, "292 years"},
	}
	for _, c := range cases {
		if got := Duration(now.Add(-c.ago), now); got != c.want {
			t.Errorf("%s: got %q, want %q", c.ago, got, c.want)
		}
	}
}

func TestSize(t *testing.T) {
	cases := []struct {
		n           int64
		size, binar string
	}{
		{0, "0B", "0B"},
		{12, "12B", "12B"},
		{999, "999B", "999B"},
		{1000, "1kB", "1000B"},
		{1023, "1.02kB", "1023B"},
		{1024, "1.02kB", "1KiB"},
		{999_400, "999kB", "976KiB"},
		{999_999, "1MB", "976.6KiB"},
		{1_980_000, "1.98MB", "1.888MiB"},
		{1<<63 - 1, "9.22EB", "8EiB"},
		{-2000, "-2kB", "-1.953KiB"},
	}
	for _, c := range cases {
		if s, b := Size(c.n), BinarySize(c.n); s != c.size || b != c.binar {
			t.Errorf("%d: got %q and %q, want %q and %q", c.n, s, b, c.size, c.binar)
		}
	}
}
