package container

import (
	"strconv"
	"strings"
	"syscall"
)

// Real-time signals as the C library numbers them: the kernel's first two are its own.
const (
	sigRTMin = 34
	sigRTMax = 64
)

// signalNames are in the order of their numbers on every architecture that Linux containers run on but MIPS.
func signalNames() []string {
	return []string{
		"", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
		"PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
		"VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
	}
}

// ParseSignal reads a signal by number (1 to 64) or by name, in either case, with or without SIG; real-time signals are
// RTMIN, RTMIN+n, RTMAX and RTMAX-n.
func ParseSignal(s string) (syscall.Signal, error) {
	if n, err := strconv.ParseUint(s, 10, 8); err == nil {
		if n >= 1 && n <= sigRTMax {
			return syscall.Signal(n), nil
		}
		return 0, badSignal(s)
	}
	name := strings.TrimPrefix(strings.ToUpper(s), "SIG")
	switch name {
	case "":
		return 0, badSignal(s)
	case "IOT":
		name = "ABRT"
	case "CLD":
		name = "CHLD"
	case "POLL":
		name = "IO"
	case "UNUSED":
		name = "SYS"
	}
	for n, known := range signalNames() {
		if name == known {
			return syscall.Signal(n), nil
		}
	}
	if n, ok := realTime(name); ok {
		return syscall.Signal(n), nil
	}
	return 0, badSignal(s)
}

func realTime(name string) (int, bool) {
	base, sign := 0, 1
	rest, ok := strings.CutPrefix(name, "RTMIN")
	if ok {
		base = sigRTMin
	} else if rest, ok = strings.CutPrefix(name, "RTMAX"); ok {
		base, sign = sigRTMax, -1
	} else {
		return 0, false
	}
	if rest == "" {
		return base, true
	}
	if rest[0] == '+' && sign < 0 || rest[0] == '-' && sign > 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimLeft(rest, "+-"), 10, 6)
	if err != nil || len(strings.TrimLeft(rest, "+-")) != len(rest)-1 || int(n) > sigRTMax-sigRTMin {
		return 0, false
	}
	return base + sign*int(n), true
}

func badSignal(s string) error {
	return invalid("%q is not a signal; give a name such as SIGTERM or RTMIN+3, or a number from 1 to 64", clip(s))
}

// SignalName is the name of sig with SIG, or its number when it has none.
func SignalName(sig syscall.Signal) string {
	switch n := int(sig); {
	case n >= 1 && n < len(signalNames()):
		return "SIG" + signalNames()[n]
	case n == sigRTMin:
		return "SIGRTMIN"
	case n > sigRTMin && n <= sigRTMax:
		return "SIGRTMIN+" + strconv.Itoa(n-sigRTMin)
	}
	return strconv.Itoa(int(sig))
}
