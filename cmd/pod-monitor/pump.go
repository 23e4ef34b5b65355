package main

import (
	"errors"
	"os"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"github.com/pod-engine/pod/pkg/engine/monitor/logwrite"
	"golang.org/x/sys/unix"
)

// chunk is how much output is read at once, and so the memory of a stream.
const chunk = 16 << 10

// pump starts to carry the output of a try to the log and the clients.
func (s *supervisor) pump(io *stdio) {
	io.handedOver()
	io.pumping = true
	for i, f := range io.output {
		if f != nil {
			io.pumps.Go(func() { s.carry(f, logwrite.Stream(i)) })
		}
	}
}

// carry reads f to its end. When the container has ended, it reads what is there and no more: see drain.
func (s *supervisor) carry(f *os.File, stream logwrite.Stream) {
	buffer := make([]byte, chunk)
	for {
		n, err := f.Read(buffer)
		if n > 0 {
			s.output(stream, buffer[:n], n == len(buffer))
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			s.rest(f, stream, buffer)
			return
		}
		if err != nil { // the end of a pipe, and EIO of a terminal that nobody has open any more
			return
		}
	}
}

// output gives p to the log and then to the clients, whose slowness must not keep it from the log.
func (s *supervisor) output(stream logwrite.Stream, p []byte, more bool) {
	if s.log != nil {
		s.log.Write(stream, p, time.Now(), more)
	}
	if stream == logwrite.Stderr {
		s.clients.send(monitor.Stderr, monitor.FrameStderr, p)
	} else {
		s.clients.send(monitor.Stdout, monitor.FrameStdout, p)
	}
}

// drain ends the pumps of a try whose process has ended. All that its processes wrote before its end is in the pipes by
// then and is still carried. What a process that outlives it (there may be some when it has no process namespace of its
// own) writes later is not: a pipe's capacity bounds what is read, so nobody can keep the monitor here.
func (s *supervisor) drain(t *try) {
	s.input.detach()
	if !t.io.pumping {
		return
	}
	release := s.clients.unbound()
	for _, f := range t.io.output {
		if f != nil {
			f.SetReadDeadline(time.Unix(1, 0))
		}
	}
	t.io.pumps.Wait()
	release()
	if s.log != nil {
		s.log.Flush()
	}
}

// rest carries what is in f now.
func (s *supervisor) rest(f *os.File, stream logwrite.Stream, buffer []byte) {
	for left := capacity(f); left > 0; {
		n, err := readNow(f, buffer[:min(left, len(buffer))])
		if n <= 0 || err != nil {
			return
		}
		s.output(stream, buffer[:n], true)
		left -= n
	}
}

// capacity is the most that can be waiting in f, in bytes.
func capacity(f *os.File) int {
	size := 64 << 10 // a terminal's buffers
	if conn, err := f.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) {
			if n, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); err == nil {
				size = n
			}
		})
	}
	return size
}

// readNow reads what f has without waiting, deadline or not.
func readNow(f *os.File, p []byte) (n int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := conn.Control(func(fd uintptr) {
		for {
			n, err = unix.Read(int(fd), p)
			if !errors.Is(err, unix.EINTR) {
				return
			}
		}
	})
	return n, errors.Join(err, controlErr)
}
