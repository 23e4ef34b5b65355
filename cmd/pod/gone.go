package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// untilGone does what takes long and leaves much to clean up: it ends also when the terminal goes away, or whoever reads the output, by which a process
// is killed otherwise.
func untilGone(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGPIPE} {
		if !signal.Ignored(s) { // by nohup
			signal.Notify(signals, s)
		}
	}
	defer signal.Stop(signals)
	go func() {
		select {
		case s := <-signals:
			cancel(endedBy{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	err := do(ctx)
	var by endedBy
	if err != nil && errors.As(context.Cause(ctx), &by) {
		return by // whatever else came of it
	}
	return err
}

// until is r until ctx is done: what a terminal or a pipe will bring nobody knows, and a read of it does not end by itself. Nothing is read before it is asked for.
func until(ctx context.Context, r io.Reader) io.Reader {
	if f, ok := r.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			return r
		}
	}
	out, in := io.Pipe()
	begin := sync.OnceFunc(func() {
		go func() {
			_, err := io.Copy(in, r)
			in.CloseWithError(err)
		}()
		context.AfterFunc(ctx, func() { out.CloseWithError(ctx.Err()) })
	})
	return readerFunc(func(p []byte) (int, error) {
		begin()
		return out.Read(p)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
