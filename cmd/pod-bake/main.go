// Command pod-bake reads files of targets for pod: it is what links the HCL parser. pod starts it with the files' text; of its own it opens .env,
// and what compose files extend or include.
package main

import (
	"fmt"
	"os"

	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/pkg/build/bake"
	"github.com/pod-engine/pod/pkg/build/bake/definition"
)

func main() {
	code, err := errand.Serve(func(request bake.Request) bake.Answer {
		config, err := definition.Read(request)
		answer := bake.Answer{Config: config}
		if err != nil {
			answer.Error = err.Error()
		}
		return answer
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pod-bake:", err)
	}
	os.Exit(code)
}
