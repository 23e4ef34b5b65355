// Command pod-scan says what is in an image, for pod: it is what links the libraries for bills of materials. pod starts it, already inside
// the user's namespaces, with the directories of the image's layers; the report goes to its standard output.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/scan"
)

// memory is what the collector tries to stay below: an image is not worth more.
const memory = 1 << 30

func main() {
	debug.SetMemoryLimit(memory)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code, err := errand.Serve(func(request scan.Request) scan.Answer {
		answer, err := run(ctx, request)
		if err != nil {
			answer.Error, answer.Hint = err.Error(), hint.Of(err)
		}
		return answer
	})
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "pod-scan:", err)
	}
	os.Exit(code)
}
