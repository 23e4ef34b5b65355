package container

import (
	"math"
	"strconv"
	"strings"
)

// ParseSize reads an amount of bytes as docker writes it: a decimal number and one of b, k, m, g, t, p, in powers of
// 1024, in either case, optionally followed by "b" or "ib". The number may have a fraction when a unit follows.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "bBiIkKmMgGtTpP")
	unit := strings.ToLower(s[len(digits):])
	shift, ok := sizeShift(unit)
	if !ok || digits == "" {
		return 0, badSize(s)
	}
	if n, err := strconv.ParseUint(digits, 10, 63); err == nil {
		if n > math.MaxInt64>>shift {
			return 0, invalid("%q is more than the kernel can count; give a smaller size", s)
		}
		return int64(n) << shift, nil
	}
	if strings.Trim(digits, "0123456789.") != "" {
		return 0, badSize(s)
	}
	f, err := strconv.ParseFloat(digits, 64)
	if err != nil {
		return 0, badSize(s)
	}
	if f *= float64(int64(1) << shift); f >= math.MaxInt64 {
		return 0, invalid("%q is more than the kernel can count; give a smaller size", s)
	}
	return int64(f), nil
}

func badSize(s string) error {
	return invalid("%q is not a size; give a number with an optional unit b, k, m, g, t or p, such as 512m", s)
}

// sizeShift is the power of two of a lower-case unit.
func sizeShift(unit string) (shift uint, ok bool) {
	if unit == "" || unit == "b" {
		return 0, true
	}
	i := strings.IndexByte("kmgtp", unit[0])
	if i < 0 {
		return 0, false
	}
	switch unit[1:] {
	case "", "b", "ib":
		return uint(i+1) * 10, true
	}
	return 0, false
}

// ParseSwap is ParseSize with "-1" for no limit.
func ParseSwap(s string) (int64, error) {
	if s == "-1" {
		return -1, nil
	}
	return ParseSize(s)
}

// ParseCPUs reads a number of processors, such as "1.5"; zero asks for no limit.
func ParseCPUs(s string) (float64, error) {
	if s == "" || strings.Trim(s, "0123456789.") != "" {
		return 0, invalid("%q is not a number of CPUs; give a decimal number such as 1.5", s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, invalid("%q is not a number of CPUs; give a decimal number such as 1.5", s)
	}
	return f, checkCPUs(f)
}

// checkCPUs keeps the quota that is made of the number within what the kernel takes: at least one millisecond in
// a period of a hundred.
func checkCPUs(f float64) error {
	if math.IsNaN(f) || f < 0 || f > 1<<20 || f != 0 && f < 0.01 {
		return invalid("%v CPUs cannot be given; give a number from 0.01 up, or 0 for no limit", f)
	}
	return nil
}

// ParsePidsLimit reads a number of processes; -1 and 0 ask for no limit.
func ParsePidsLimit(s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < -1 {
		return 0, invalid("%q is not a number of processes; give one from 1 up, or -1 for no limit", s)
	}
	return n, nil
}

// checkCpuset accepts what cpuset.cpus does: numbers and ranges, "0-2,5".
func checkCpuset(flag, s string) error {
	if s == "" {
		return nil
	}
	for _, part := range strings.Split(s, ",") {
		lo, hi, isRange := strings.Cut(part, "-")
		a, err := strconv.ParseUint(lo, 10, 13)
		b := a
		if err == nil && isRange {
			b, err = strconv.ParseUint(hi, 10, 13)
		}
		if err != nil || b < a {
			return invalid("--%s %q is not a list; give numbers and ranges such as 0-2,5", flag, s)
		}
	}
	return nil
}
