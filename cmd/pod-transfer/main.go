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
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/courier"
	"github.com/pod-engine/pod/pkg/image/transfer"
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
	logrus.SetLevel(logrus.WarnLevel) // the storage library's messages
	code, err := errand.Serve(func(request courier.Request) courier.Answer { return courier.AnswerTo(serve(ctx, request)) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "pod-transfer:", err)
	}
	return code
}

func serve(ctx context.Context, request courier.Request) ([]courier.Loaded, error) {
	store, err := image.Open(ctx, image.Options{Place: request.Store})
	if err != nil {
		return nil, err
	}
	if request.Progress {
		request.Pull.Progress, request.Save.Progress = os.Stderr, os.Stderr
	}
	t := transfer.Transfer{UserAgent: request.UserAgent}
	var loaded []courier.Loaded
	switch request.Verb {
	case courier.Pull:
		images, err := t.Pull(ctx, store, request.Names[0], request.Pull)
		for _, img := range images {
			loaded = append(loaded, courier.Loaded{ID: img.ID, Names: img.Names})
		}
		return loaded, err
	case courier.Load:
		images, err := t.Load(ctx, store, request.Path, os.Stdin, request.Pull)
		for _, l := range images {
			loaded = append(loaded, courier.Loaded{ID: l.Image.ID, Names: l.Names})
		}
		return loaded, err
	case courier.Save:
		request.Save.Out = os.Stdout
		return nil, t.Save(ctx, store, request.Names, request.Save)
	}
	return nil, fmt.Errorf("pod-transfer does not know %q: it is of another version than pod", request.Verb)
}
