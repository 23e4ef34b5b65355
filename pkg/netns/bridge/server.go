// Package bridge is the network helper: it owns the namespace in which a user's networks are, with a bridge for each, the
// packet filter, the nameservers, the published ports, and the way out. It is linked by pod-network only.
//
// Everything it has made of what containers need is in the kernel and in one record per container; a helper that is started
// where another was killed puts right what differs between the two and goes on.
package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// Options say where a Server works.
type Options struct {
	Dir      string // its own, volatile
	Networks string // the records of networks
	Rootless bool
	Driver   string // of the way out; empty: the best that is there
	Own      string // the program pod-uplink, where it may be needed
	Linger   time.Duration
	Log      *slog.Logger
}

// Server is the helper.
type Server struct {
	Options
	store  network.Store
	boot   string
	inside *namespace // where the networks are

	// mu is held for each change. Nothing that waits for others is done under it.
	mu       sync.Mutex
	rules    *rules
	leases   leases
	bridges  map[string]network.Config   // networks that have a bridge, by name
	attached map[string]*helper.Attached // by container
	ports    map[string]*forwards        // by container
	uplink   *uplink
	names    *resolver
	dialer   *dialer
	last     time.Time // when somebody was attached or asked last
}

// Run serves requests on the listener until nobody has been attached for Linger or ctx ends.
func Run(ctx context.Context, opts Options, listener *net.UnixListener) error {
	s := &Server{
		Options: opts, store: network.Store{Dir: opts.Networks},
		bridges: map[string]network.Config{}, attached: map[string]*helper.Attached{}, ports: map[string]*forwards{}, last: time.Now(),
	}
	var err error
	if s.boot, err = process.BootID(); err != nil {
		return err
	}
	s.leases.boot = s.boot
	if err := s.begin(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- s.accept(listener) }()
	tick := time.NewTicker(min(opts.Linger, time.Second))
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-ctx.Done():
			return nil // what is attached stays as it is, for the next helper
		case <-tick.C:
			if s.finish(listener) {
				return nil
			}
		}
	}
}

// begin makes the namespace, or takes over that of a helper that was killed.
func (s *Server) begin() error {
	if err := os.MkdirAll(filepath.Join(s.Dir, helper.AttachedDir), 0o700); err != nil {
		return err
	}
	s.leases = leases{dir: filepath.Join(filepath.Dir(s.Dir), helper.LeasesDir), boot: s.boot, last: s.leases.last}
	file, err := s.openNamespace()
	if err != nil {
		return err
	}
	if s.inside, err = enter(file); err != nil {
		return fmt.Errorf("enter the namespace of the networks: %w", err)
	}
	if s.rules, err = newRules(s.inside, !s.Rootless); err != nil {
		return fmt.Errorf("open nftables: %w", err)
	}
	if err := s.prepare(); err != nil {
		return err
	}
	s.names = newResolver(s)
	if s.dialer, err = newDialer(s, filepath.Join(s.Dir, helper.DialSocket)); err != nil {
		return err
	}
	s.uplink = newUplink(s)
	s.leases.last = nil
	return s.recover()
}

func (s *Server) accept(listener *net.UnixListener) error {
	for {
		conn, err := listener.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		go s.serve(conn)
	}
}

func (s *Server) serve(conn *net.UnixConn) {
	defer conn.Close()
	packet, file, err := helper.Receive(conn)
	if err != nil {
		return
	}
	if file != nil {
		defer file.Close()
	}
	var request helper.Request
	var answer helper.Answer
	var result *os.File
	if err = json.Unmarshal(packet, &request); err == nil {
		answer, result, err = s.do(request, file)
	}
	if result != nil {
		defer result.Close()
	}
	if err != nil {
		answer = helper.Answer{Error: err.Error(), Hint: hint.Of(err)}
		for name, kind := range helper.Kinds() {
			if errors.Is(err, kind) {
				answer.Kind = name
			}
		}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		text, _ = json.Marshal(helper.Answer{Error: err.Error()})
	}
	var rights []byte
	if result != nil {
		rights = unix.UnixRights(int(result.Fd()))
	}
	if _, _, err := conn.WriteMsgUnix(text, rights, nil); err != nil {
		s.Log.Debug("answer", "error", err)
	}
}

func (s *Server) do(request helper.Request, file *os.File) (helper.Answer, *os.File, error) {
	switch request.Verb {
	case helper.Setup:
		return s.setup(request)
	case helper.Teardown:
		s.mu.Lock()
		defer s.mu.Unlock()
		return helper.Answer{}, nil, s.drop(request.ID)
	case helper.Connect:
		answer, err := s.connect(request, file)
		return answer, nil, err
	case helper.Disconnect:
		answer, err := s.disconnect(request, file)
		return answer, nil, err
	case helper.Reload:
		answer, err := s.reload()
		return answer, nil, err
	case helper.Drop:
		return helper.Answer{}, nil, s.dropNetwork(request.Network)
	case helper.State:
		return s.state(), nil, nil
	}
	return helper.Answer{}, nil, fmt.Errorf("the network helper does not know %q: it is of another version than pod", request.Verb)
}

func (s *Server) state() helper.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := helper.Answer{All: map[string]helper.Attached{}, Uplink: s.uplink.driver()}
	for id, a := range s.attached {
		answer.All[id] = *a
	}
	return answer
}

// finish ends the helper when nobody has needed it for a while: it takes everything away and says so. A request that arrives
// meanwhile finds the socket closed, and its sender starts another helper when this one's lock is free.
func (s *Server) finish(listener *net.UnixListener) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.attached) > 0 {
		s.last = time.Now()
		return false
	}
	if time.Since(s.last) < s.Linger {
		return false
	}
	s.attached = nil // whoever waits for mu finds that it is over
	listener.Close()
	s.uplink.stop()
	s.dialer.close()
	s.names.close()
	s.leave()
	return true
}
