// Command pod-transfer brings images in and out of the store for pod: it is what links the registry client. pod starts it, already
// inside the user's namespaces, with a request and a place for the answer as descriptors; see package courier.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"go.podman.io/storage/pkg/reexec"

	"github.com/pod-engine/pod/internal/errand"
	"github.com/pod-engine/pod/internal/librarylog"
	"github.com/pod-engine/pod/pkg/image/courier"
)

func main() {
	// The storage library starts this program again under other names to unpack layers; that comes first.
	if reexec.Init() {
		return
	}
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	logrus.SetLevel(logrus.WarnLevel)
	logrus.SetFormatter(librarylog.Format{Name: "pod"})
	code, err := errand.Serve(func(request courier.Request) (answer courier.Answer) {
		answer.Fail(serve(ctx, request, &answer))
		return answer
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "pod-transfer:", err)
	}
	return code
}
