// Command pod-transfer brings images in and out of the store for pod: it is what links the registry client. pod starts it, already
// inside the user's namespaces, with a request and a place for the answer as descriptors; see package courier.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sirupsen/logrus"
	"go.podman.io/storage/pkg/reexec"

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
	for _, fd := range []int{courier.RequestFD, courier.AnswerFD} {
		syscall.CloseOnExec(fd)
	}
	var request courier.Request
	if err := json.NewDecoder(os.NewFile(courier.RequestFD, "request")).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, "pod-transfer: pod starts this program with a request; it is of no use by hand:", err)
		return 125
	}
	loaded, err := serve(ctx, request)
	if err := json.NewEncoder(os.NewFile(courier.AnswerFD, "answer")).Encode(courier.AnswerTo(loaded, err)); err != nil {
		fmt.Fprintln(os.Stderr, "pod-transfer: answer:", err)
		return 125
	}
	return 0
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
