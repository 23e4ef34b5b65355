// Command archives writes the images of the tests, for scripts that are no Go tests: archives DIRECTORY [PROBE].
package main

import (
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/podtest"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: archives DIRECTORY [PROBE]")
		os.Exit(2)
	}
	probe := ""
	if len(os.Args) > 2 {
		probe = os.Args[2]
	}
	if err := podtest.WriteArchives(os.Args[1], probe); err != nil {
		fmt.Fprintln(os.Stderr, "archives:", err)
		os.Exit(1)
	}
}
