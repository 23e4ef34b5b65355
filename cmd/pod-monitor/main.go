// Command pod-monitor is the parent of one container: it starts the OCI runtime, keeps the container's output, serves
// the attach socket, records the exit and runs the restart policy. A pod command starts it in the container's run
// directory and talks to it as package monitor says. There is one per running container, so it is kept small.
//
// "pod-monitor init -- COMMAND..." is the first process of a container with --init instead.
package main

import "os"

func main() {
	if len(os.Args) > 2 && os.Args[1] == "init" {
		os.Exit(runInit(os.Args[2:]))
	}
	os.Exit(supervise())
}
