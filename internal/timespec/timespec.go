// Package timespec reads the points in time that people give on the command line: --since, --until and the filter
// until. Accepted are
//
//	10m, 1h30m, 2.5s              a duration, counted from now
//	1769169600, 1769169600.25     seconds since 1970, with up to nine decimals
//	2026-01-23                    a day (midnight)
//	2026-01-23T12                 an hour, a minute, a second or a part of it
//	2026-01-23T12:00:00.5+02:00   any of the last two with a zone, or Z
//
// A date without a zone is in the zone of the given now. This is what podman-logs(1) and docker-logs(1) describe.
package timespec

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ErrSyntax is wrapped by every error of this package.
var ErrSyntax = errors.New("want a duration (10m), a date (2006-01-02[T15:04:05][Z]) or seconds since 1970")

// Ago reads s; a duration is counted back from now: 10m is ten minutes ago. This is the reading of --since and of
// the filter until.
func Ago(s string, now time.Time) (time.Time, error) { return parse(s, now, -1) }

// Ahead reads s; a duration is counted forward from now: 10m is in ten minutes. This is podman's reading of --until
// in logs and events.
func Ahead(s string, now time.Time) (time.Time, error) { return parse(s, now, +1) }

func parse(s string, now time.Time, sign time.Duration) (time.Time, error) {
	if t, ok := parseUnix(s); ok {
		return t, nil
	}
	if d, err := time.ParseDuration(s); err == nil {
		if d == math.MinInt64 {
			return time.Time{}, fmt.Errorf("%q is too long a duration: %w", s, ErrSyntax)
		}
		return now.Add(sign * d), nil
	}
	for _, layout := range [...]string{"2006-01-02", "2006-01-02T15", "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		// Parsing accepts a fraction after the seconds though the layout has none.
		if t, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			return t, nil
		}
		if t, err := time.Parse(layout+"Z07:00", s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a point in time: %w", s, ErrSyntax)
}

// parseUnix reads seconds with an optional fraction. It does not go through floating point, which has no room for
// today's date in nanoseconds.
func parseUnix(s string) (time.Time, bool) {
	whole, fraction, dotted := strings.Cut(s, ".")
	if !digits(strings.TrimPrefix(whole, "-")) || dotted && !digits(fraction) || len(fraction) > 9 {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	if whole[0] == '-' {
		nanos = -nanos
	}
	return time.Unix(seconds, nanos), true
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
