package main

import (
	"bytes"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/engine/monitor"
)

// wayOut is the container's own way out: what the network command leaves running (pasta, slirp4netns).
type wayOut struct {
	mu   sync.Mutex // held while the command runs
	over bool       // the container has ended
}

// shortLife is how long a process of the way out has to live to be worth another start. One that ends sooner has a reason, which
// would end the next as well.
const shortLife = time.Second

// connectNetwork runs the network command and watches what it leaves running.
func (s *supervisor) connectNetwork() error {
	if err := s.program("connect the network", s.launch.NetworkCommand, -1); err != nil {
		return err
	}
	began, again := time.Now(), new(sync.Once)
	for _, pid := range children() {
		if !s.serves(pid) {
			continue
		}
		ended := s.reaper.await(pid)
		go func() {
			status := <-ended
			again.Do(func() { s.reconnect(pid, describe(status), time.Since(began)) })
		}()
	}
	return nil
}

// serves reports whether a child is the network command's: it has the path of the namespace among its arguments.
func (s *supervisor) serves(pid int) bool {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return err == nil && bytes.Contains(append([]byte{0}, line...), []byte("\x00"+s.launch.NetnsPath+"\x00"))
}

// reconnect connects the network again after a process of the way out ended before the container. Where that cannot be done the
// container is cut off, which nobody could see otherwise.
func (s *supervisor) reconnect(pid int, how string, lived time.Duration) {
	s.wayOut.mu.Lock()
	defer s.wayOut.mu.Unlock()
	if s.wayOut.over {
		return
	}
	report("process " + strconv.Itoa(pid) + ", which connects the network: " + how)
	if lived >= shortLife {
		err := s.connectNetwork()
		if err == nil {
			return
		}
		report(err.Error())
	}
	if err := os.WriteFile(monitor.NetworkLostFile, nil, 0o600); err != nil {
		report(err.Error())
	}
}

// close keeps the way out from being made again.
func (c *wayOut) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}
