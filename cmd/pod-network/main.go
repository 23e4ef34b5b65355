// Command pod-network is the network helper: one per user, while a container is in a network. A pod command starts it, inside
// the user's namespaces, with a listening socket and a held lock as descriptors; see package helper.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/netns/bridge"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

// linger is how long the helper stays when nobody needs it: starting it and its way out costs more than a container.
const linger = 30 * time.Second

func main() { os.Exit(run()) }

func run() int {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "pod-network: pod starts this program; it is of no use by hand")
		return 125
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	// Programs for the way out leave their parent; they come back here and not to init.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fail(err)
	}
	syscall.CloseOnExec(helper.LockFD)
	socket := os.NewFile(helper.SocketFD, "socket")
	listener, err := net.FileListener(socket)
	socket.Close()
	if err != nil {
		return fail(err)
	}
	rootless, err := strconv.ParseBool(os.Args[3])
	if err != nil {
		return fail(err)
	}
	opts := bridge.Options{
		Dir: os.Args[1], Networks: os.Args[2], Rootless: rootless, Driver: os.Args[4], Own: os.Args[5], Linger: linger,
		Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}
	if err := bridge.Run(ctx, opts, listener.(*net.UnixListener)); err != nil {
		return fail(err)
	}
	return 0
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "pod-network:", err)
	return 125
}
