// Command probe runs inside a container and reports, as one JSON object of strings, everything that isolation is made of:
// namespaces, capabilities, devices, mounts, masked paths, limits, open descriptors, and what the kernel answers to calls
// that a container must not make. It judges nothing; the scripts compare (the command "facts").
//
// Called as "probe echo ADDRESS" it answers datagrams instead.
//
// It tries to unmount /sys and the like, so it refuses to run where that could succeed for the machine: outside a user
// namespace.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

// report collects what is found.
type report map[string]string

func (r report) set(key string, value any) { r[key] = fmt.Sprint(value) }

// setRead stores the content of a small file, or why it cannot be read.
func (r report) setRead(key, path string) {
	b, err := os.ReadFile(path)
	if err != nil {
		r[key] = errnoName(err)
		return
	}
	r[key] = strings.Join(strings.Fields(string(b)), " ")
}

// contained reports whether this process is in a user namespace: the map of the first one is the identity on all ids.
func contained() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}

func main() {
	if !contained() {
		fmt.Fprintln(os.Stderr, "probe: this is not a container of an unprivileged user; it would harm the machine")
		os.Exit(2)
	}
	if len(os.Args) == 3 && os.Args[1] == "echo" {
		fmt.Fprintln(os.Stderr, "probe:", echo(os.Args[2]))
		os.Exit(1)
	}
	r := make(report)
	// First, while no descriptor of this program's own is open but those of the Go runtime.
	r.descriptors()
	r.process()
	r.namespaces()
	r.mounts()
	r.devices()
	r.paths()
	r.syscalls()
	out, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
	fmt.Println(string(out))
}
