// Command pod-frontend reads a Dockerfile: a plan.Request as JSON comes in on its standard input, a plan.Answer goes out on
// its standard output. It opens no file, and is a process of its own because its text comes from strangers and its
// libraries cost more at start than pod's commands should pay (docs/dependencies.md).
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/pod-engine/pod/pkg/build/frontend"
	"github.com/pod-engine/pod/pkg/build/plan"
)

func main() {
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(in io.Reader, out io.Writer) error {
	var request plan.Request
	if err := json.NewDecoder(in).Decode(&request); err != nil {
		return fmt.Errorf("read the request: %w", err)
	}
	return json.NewEncoder(out).Encode(frontend.Read(request))
}
