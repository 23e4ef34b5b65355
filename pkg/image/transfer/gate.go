package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/pod-engine/pod/internal/hint"
	"go.podman.io/image/v5/types"
)

// gate sees the address of every request before it is made, those of redirects and of token servers too, and lets none go where a registry must not
// send its clients. The library asks it which proxy to use (SystemContext.DockerProxy), which is the one place where all pass.
//
// A registry names the server that gives out tokens (the realm), and the library sends the user's credentials there; it names the place where an
// upload goes on (Location), and the library sends them there too. So either elsewhere than in the registry's own domain is refused when there
// are credentials. Blobs may come from anywhere, without credentials: net/http takes those away when a redirect leads to another host,
// but not to another port of it.
type gate struct {
	sys *types.SystemContext

	mu    sync.Mutex
	asked []*askedRegistry // only added to
}

// refusal is what the gate says of a request.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

func newGate(sys *types.SystemContext) *gate {
	g := &gate{sys: sys}
	sys.DockerProxy = g.proxy
	return g
}

// proxy is asked before each request.
func (g *gate) proxy(u *url.URL) (*url.URL, error) {
	if err := g.pass(u, calledFor); err != nil {
		return nil, err
	}
	return http.ProxyFromEnvironment(&http.Request{URL: u})
}

// pass judges a request; what says what it is for, and is asked only about those that lead away from the registries.
func (g *gate) pass(u *url.URL, what func() purpose) error {
	g.mu.Lock()
	asked := g.asked
	g.mu.Unlock()
	own, plain := false, false
	for _, r := range asked {
		if insecure, is := r.hosts[hostOf(u)]; is {
			own, plain = true, plain || insecure
		}
	}
	switch {
	case len(asked) == 0:
		return refusal{fmt.Sprintf("no registry is expected to be asked, and so not %s", u.Host)}
	case own && u.Scheme != "https" && !plain:
		return refusal{fmt.Sprintf("%s sends its clients on without encryption", u.Host)}
	case own:
		return nil
	}
	return elsewhere(asked, u, what())
}

// elsewhere judges a request to a host that is not a registry's.
func elsewhere(asked []*askedRegistry, u *url.URL, what purpose) error {
	some := func(has func(*askedRegistry) bool) bool {
		for _, r := range asked {
			if has(r) {
				return true
			}
		}
		return false
	}
	if what == reads && some(func(r *askedRegistry) bool { return r.lookaside == u.Host }) {
		return nil // the user's own configuration leads there
	}
	if metadata(u.Hostname()) || loopback(u.Hostname()) && !some((*askedRegistry).local) {
		return refusal{fmt.Sprintf("the registry sends its clients to %s, which is an address of this machine or of its cloud", u.Hostname())}
	}
	if u.Scheme != "https" && !some((*askedRegistry).plain) {
		return refusal{fmt.Sprintf("the registry sends its clients to %s without encryption", u.Host)}
	}
	if some(func(r *askedRegistry) bool { return r.trusts(u, what) }) {
		return nil
	}
	for _, r := range asked {
		if !r.concerns(u, what) || !r.credentials() {
			continue
		}
		switch {
		case what == asksToken:
			return hint.Wrap(refusal{fmt.Sprintf("the registry asks for its credentials to be sent to %s", u.Host)},
				"it may be in the hands of others; without credentials it can be asked: pod logout "+r.domain)
		case what == writes, r.named(u.Hostname()):
			return refusal{fmt.Sprintf("the registry sends its clients to %s, where its credentials would follow", u.Host)}
		}
	}
	return nil
}

// hostOf is host and port, without the port that goes without saying.
func hostOf(u *url.URL) string {
	return strings.TrimSuffix(u.Host, map[string]string{"https": ":443", "http": ":80"}[u.Scheme])
}

func numeric(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && (a.Unmap().IsLoopback() || a.IsUnspecified()) || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// metadata reports whether a host is where a cloud tells its machines their secrets.
func metadata(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "metadata.google.internal") {
		return true
	}
	a, err := netip.ParseAddr(host)
	return err == nil && (a.Unmap().IsLinkLocalUnicast() || a.IsMulticast() || a == netip.MustParseAddr("fd00:ec2::254") || a == netip.MustParseAddr("100.100.100.200"))
}

// refused gives the gate's words if they are behind an error.
func refused(err error) (refusal, bool) {
	var r refusal
	return r, errors.As(err, &r)
}
