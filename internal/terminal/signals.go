package terminal

import (
	"os"
	"os/signal"
	"sync"

	"golang.org/x/sys/unix"
)

// Forwarded says whether a signal this process receives is passed on to a container whose signals it proxies. Not passed on
// are: what cannot be caught, also by the C library's and Go's doing; SIGCHLD and SIGPIPE, which are about this process's own children and pipes; SIGURG, with which
// the Go runtime interrupts its own threads; and, with a terminal, SIGWINCH: the new size travels as a message.
func Forwarded(sig unix.Signal, tty bool) bool {
	switch sig {
	case unix.SIGKILL, unix.SIGSTOP, unix.SIGCHLD, unix.SIGPIPE, unix.SIGURG, libcCancel, libcSetxid:
		return false
	case unix.SIGWINCH:
		return !tty
	}
	return sig > 0 && sig < lastSignal
}

// The C library keeps these two for itself.
const libcCancel, libcSetxid = 32, 33

// lastSignal is one more than SIGRTMAX.
const lastSignal = 65

// Signals delivers the signals to pass on, in the order they came, until stop is called, which closes the channel and gives
// all signals back their effect on this process. While it is in force, none of them ends this process.
func Signals(tty bool) (signals <-chan unix.Signal, stop func()) {
	var wanted []os.Signal
	for sig := unix.Signal(1); sig < lastSignal; sig++ {
		if Forwarded(sig, tty) {
			wanted = append(wanted, sig)
		}
	}
	// The runtime drops a signal when the channel is full; a person cannot fill this.
	received := make(chan os.Signal, 128)
	signal.Notify(received, wanted...)
	out := make(chan unix.Signal)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(out)
		for {
			select {
			case sig := <-received:
				number, ok := sig.(unix.Signal)
				if !ok {
					continue
				}
				select {
				case out <- number:
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	return out, sync.OnceFunc(func() {
		signal.Stop(received)
		close(done)
		<-ended
	})
}
