package report

import (
	"fmt"
	"strconv"
	"time"
)

// Duration says in docker's words how long before now t was: "Less than a second", "About a minute", "3 weeks". A clock
// that was set back gives no negative time: what lies ahead of now was less than a second ago.
func Duration(t, now time.Time) string {
	d := now.Sub(t)
	hours := int(d.Hours())
	switch {
	case d < time.Second:
		return "Less than a second"
	case d < 2*time.Second:
		return "1 second"
	case d < time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Minute:
		return "About a minute"
	case d < time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	switch nearest := int(d.Hours() + 0.5); {
	case nearest == 1:
		return "About an hour"
	case nearest < 48:
		return fmt.Sprintf("%d hours", nearest)
	case nearest < 24*7*2:
		return fmt.Sprintf("%d days", nearest/24)
	case nearest < 24*30*2:
		return fmt.Sprintf("%d weeks", nearest/24/7)
	case nearest < 24*365*2:
		return fmt.Sprintf("%d months", nearest/24/30)
	}
	return fmt.Sprintf("%d years", hours/24/365)
}

// Size gives bytes in powers of 1000 with three digits, as docker and podman show sizes on disk: "12.3MB".
func Size(bytes int64) string {
	return scaled(bytes, 1000, 3, []string{"B", "kB", "MB", "GB", "TB", "PB", "EB"})
}

// BinarySize gives bytes in powers of 1024 with four digits, as docker and podman show memory: "1.953GiB".
func BinarySize(bytes int64) string {
	return scaled(bytes, 1024, 4, []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"})
}

func scaled(n int64, base float64, digits int, units []string) string {
	v, unit := float64(n), 0
	for {
		// Rounding may reach the next unit: 999999 is 1MB, not 1e+03kB.
		shown, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', digits, 64), 64)
		if err != nil || shown < base && shown > -base || unit == len(units)-1 {
			return strconv.FormatFloat(shown, 'f', -1, 64) + units[unit]
		}
		v /= base
		unit++
	}
}
