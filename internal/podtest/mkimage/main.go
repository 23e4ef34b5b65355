// Command mkimage writes the test image, busybox, as a docker archive; it needs neither a registry nor a container engine.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/podtest"
)

func main() {
	out := flag.String("o", "busybox.tar", "the archive to write")
	ref := flag.String("t", "localhost/busybox:latest", "the name of the image in it")
	flag.Parse()
	spec, err := podtest.Busybox()
	if err == nil {
		err = spec.Save(*out, *ref)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "mkimage:", err)
		os.Exit(1)
	}
}
