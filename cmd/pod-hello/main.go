// Command pod-hello is the only program of the image of "pod demo": it says what it sees from inside. It is part of the
// pod executable, so it uses as little of the standard library as it can.
package main

import (
	"os"
	"strconv"
	"strings"
)

func main() {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	lines := []string{
		"Hello from a container.",
		"",
		"  process      " + strconv.Itoa(os.Getpid()) + " of " + strconv.Itoa(processes()) + " that can be seen here",
		"  user         " + strconv.Itoa(os.Getuid()) + " here, " + hostUser() + " outside",
		"  host name    " + host,
		"  root         " + strings.Join(names("/"), " "),
		"  network      " + strings.Join(names("/sys/class/net"), " "),
		"",
		"No daemon started it, nothing was downloaded, and nobody needed to be root.",
		"",
	}
	os.Stdout.WriteString(strings.Join(lines, "\n"))
}

// hostUser is the user id outside that this one stands for: user_namespaces(7), /proc/PID/uid_map.
func hostUser() string {
	b, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return "unknown"
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) != 3 {
			continue
		}
		inside, _ := strconv.Atoi(f[0])
		outside, _ := strconv.Atoi(f[1])
		count, _ := strconv.Atoi(f[2])
		if uid := os.Getuid(); uid >= inside && uid < inside+count {
			return strconv.Itoa(outside + uid - inside)
		}
	}
	return "unknown"
}

func processes() int {
	n := 0
	for _, name := range names("/proc") {
		if _, err := strconv.Atoi(name); err == nil {
			n++
		}
	}
	return n
}

func names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}
