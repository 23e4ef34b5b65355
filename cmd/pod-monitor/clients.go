package main

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
	"golang.org/x/sys/unix"
)

const (
	// maxQueue is how much a client that does not read may have waiting here before it slows the container down, in bytes.
	maxQueue = 32 << 10
	// maxClients bounds the memory that clients can ask for.
	maxClients = 128
	// clientBuffer is what the kernel keeps for a client while the container runs. It is small, so that at the end, when it
	// is raised, everything that is still queued fits in: then the monitor needs not wait for a client that is slow.
	clientBuffer = 64 << 10
)

// clients are the connections to the attach socket.
type clients struct {
	mu        sync.Mutex
	changed   *sync.Cond
	all       []*client
	free      bool // queues may grow: the container has ended
	finished  bool // exit is known
	exit      int
	cancelled chan struct{} // closed when somebody has ended the restart policy
	going     chan struct{} // closed when somebody has said FrameGo
}

// client is one connection. Its fields are guarded by clients.mu.
type client struct {
	socket  *os.File
	streams monitor.Streams
	queue   []byte // whole frames not given to the kernel yet
	gone    bool
}

func newClients() *clients {
	c := &clients{cancelled: make(chan struct{}), going: make(chan struct{})}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// add takes a connection that has said hello. After the end it only gets the exit code.
func (c *clients) add(socket *os.File, streams monitor.Streams) *client {
	c.mu.Lock()
	defer c.mu.Unlock()
	k := &client{socket: socket, streams: streams}
	setSendBuffer(socket, clientBuffer)
	if c.finished {
		k.queue = exitFrame(k.queue, c.exit)
	}
	c.all = append(c.all, k)
	go c.write(k)
	return k
}

// full reports whether no further client is taken.
func (c *clients) full() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.all) >= maxClients
}

// send gives p to every client of the stream, and waits for those that are slow.
func (c *clients) send(stream monitor.Streams, t monitor.FrameType, p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// The list may be replaced while this waits; a client that comes meanwhile gets what comes next.
	for _, k := range c.all {
		if k.streams&stream == 0 {
			continue
		}
		for len(k.queue) >= maxQueue && !k.gone && !c.free {
			c.changed.Wait()
		}
		if !k.gone {
			k.queue = monitor.AppendFrame(k.queue, t, p)
			c.changed.Broadcast()
		}
	}
}

// answer queues a frame without payload for one client.
func (c *clients) answer(k *client, t monitor.FrameType) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.queue = monitor.AppendFrame(k.queue, t, nil)
	c.changed.Broadcast()
}

// write carries the queue of k to its socket until k is gone or has got everything.
func (c *clients) write(k *client) {
	var batch []byte
	for {
		c.mu.Lock()
		for len(k.queue) == 0 && !k.gone && !c.finished {
			c.changed.Wait()
		}
		if k.gone || len(k.queue) == 0 {
			c.remove(k)
			c.mu.Unlock()
			return
		}
		batch, k.queue = k.queue, batch[:0]
		if cap(k.queue) > 2*maxQueue {
			k.queue = nil
		}
		c.changed.Broadcast()
		c.mu.Unlock()
		if _, err := k.socket.Write(batch); err != nil {
			c.leave(k)
		}
	}
}

// leave marks k as gone: nobody waits for it any more.
func (c *clients) leave(k *client) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k.gone = true
	c.changed.Broadcast()
}

// remove forgets k and hangs up. The list is replaced, not changed, and c.mu held: send walks it.
func (c *clients) remove(k *client) {
	k.gone = true
	for i, other := range c.all {
		if other == k {
			c.all = append(append([]*client(nil), c.all[:i]...), c.all[i+1:]...)
		}
	}
	k.socket.Close()
	c.changed.Broadcast()
}

// unbound lets queues grow until the function it returns is called: the little output that is left after the end of the
// container's process must reach the log and the exit record without waiting for any client.
func (c *clients) unbound() (bound func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.free = true
	c.changed.Broadcast()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.free = false
	}
}

// finish gives every client, present and to come, the exit code.
func (c *clients) finish(code int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished, c.exit = true, code
	for _, k := range c.all {
		k.queue = exitFrame(k.queue, code)
		setSendBuffer(k.socket, 4<<20) // the kernel cuts it to net.core.wmem_max
	}
	c.changed.Broadcast()
}

// wait waits until every client has got everything, or for the time given. Whoever is left is hung up on.
func (c *clients) wait(patience time.Duration) {
	deadline := time.Now().Add(patience)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.finished = true
	for _, k := range c.all {
		k.socket.SetWriteDeadline(deadline)
	}
	c.changed.Broadcast()
	for len(c.all) > 0 {
		c.changed.Wait()
	}
}

// goOn lets a start that waits for it go on.
func (c *clients) goOn() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.going:
	default:
		close(c.going)
	}
}

// cancelRestart ends the restart policy.
func (c *clients) cancelRestart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	select {
	case <-c.cancelled:
	default:
		close(c.cancelled)
	}
}

func exitFrame(queue []byte, code int) []byte {
	return monitor.AppendFrame(queue, monitor.FrameExit, exitPayload(code))
}

func exitPayload(code int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(code)) }

func setSendBuffer(socket *os.File, size int) {
	if conn, err := socket.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_SNDBUF, size) })
	}
}
