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
	logrus.SetLevel(logrus.WarnLevel) // the storage library's messages
	for _, fd := range []int{courier.RequestFD, courier.AnswerFD} {
		syscall.CloseOnExec(fd)
	}
	var request courier.Request
	if err := json.NewDecoder(os.NewFile(courier.RequestFD, "request")).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, "pod-transfer: pod starts this program with a request; it is of no use by hand:", err)
		return 125
	}
	var answer courier.Answer
	answer.Fail(serve(ctx, request, &answer))
	if err := json.NewEncoder(os.NewFile(courier.AnswerFD, "answer")).Encode(answer); err != nil {
		fmt.Fprintln(os.Stderr, "pod-transfer: answer:", err)
		return 125
	}
	return 0
}
