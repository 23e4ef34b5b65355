// Command pod is a daemonless, rootless container engine.
package main

import (
	"os"

	"go.podman.io/storage/pkg/reexec"
)

func main() {
	// The storage library starts this program again under other names to unpack layers; that comes first.
	if reexec.Init() {
		return
	}
	os.Exit(run(os.Args, streams{os.Stdin, os.Stdout, os.Stderr}))
}
