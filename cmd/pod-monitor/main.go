// Command pod-monitor is the parent of one container: it starts the OCI runtime, keeps the container's output, serves
// the attach socket, records the exit and runs the restart policy. A pod command starts it in the container's run
// directory and talks to it as package monitor says. There is one per running container, so it is kept small.
//
// Called as "pod-init -- COMMAND..." it is the first process of a container with --init instead, and as "pod-step" the first
// process of a build step.
package main

import (
	"os"
	"path/filepath"
)

func main() {
	switch filepath.Base(os.Args[0]) {
	case "pod-init":
		os.Exit(runInit(os.Args[1:]))
	case "pod-step":
		os.Exit(runStep())
	}
	os.Exit(supervise())
}
