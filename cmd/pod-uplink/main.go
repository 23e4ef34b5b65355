// Command pod-uplink connects the network namespace at a path with the machine's network, as pasta and slirp4netns do, for machines
// that have neither; see package stack. It stays in the foreground and writes one byte to descriptor 3 when the network works.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/pkg/netns/stack"
)

const readyFD = 3

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "pod-uplink: pod starts this program; it is of no use by hand")
		os.Exit(125)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "pod-uplink:", err)
		os.Exit(125)
	}
}

func run(namespace string) error {
	syscall.CloseOnExec(readyFD)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	opened := make(chan error, 1)
	var tap *os.File
	go func() {
		runtime.LockOSThread() // the thread ends with this function: it is in another namespace
		err := enter(namespace)
		if err == nil {
			tap, err = stack.Open()
		}
		opened <- err
	}()
	if err := <-opened; err != nil {
		return err
	}
	ready := os.NewFile(readyFD, "ready")
	if _, err := ready.WriteString("1"); err != nil {
		return err
	}
	ready.Close()
	return stack.Serve(ctx, tap)
}

func enter(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the network namespace at %q: %w", path, err)
	}
	return nil
}
