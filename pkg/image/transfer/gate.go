package transfer

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"

	"github.com/pod-engine/pod/internal/hint"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
	"golang.org/x/net/publicsuffix"
)

// gate sees the address of every request before it is made, those of redirects and of token servers too, and lets none go where a registry must not
// send its clients. The library asks it which proxy to use (SystemContext.DockerProxy), which is the one place where all pass.
//
// A registry names the server that gives out tokens (the realm), and the library sends the user's credentials there. So a realm elsewhere than in
// the registry's own domain is refused when there are credentials. Blobs may come from anywhere, without credentials: net/http takes
// those away when a redirect leads to another host, but not to another port of it.
type gate struct {
	sys         *types.SystemContext
	credentials func() bool // whether there are any for the registry

	mu     sync.Mutex
	hosts  map[string]bool // of the registry and its mirrors, "host:port"; true: it may speak HTTP without TLS
	pinged string          // the registry that was last asked for its version, and not yet for anything else
}

// refusal is what the gate says of a request.
type refusal struct{ text string }

func (r refusal) Error() string { return r.text }

func newGate(sys *types.SystemContext) *gate {
	g := &gate{sys: sys, credentials: func() bool { return false }}
	sys.DockerProxy = g.proxy
	return g
}

// expect says which image is about to be asked for.
func (g *gate) expect(named reference.Named) {
	hosts := map[string]bool{}
	add := func(domain string, insecure bool) {
		hosts[domain] = insecure
		if domain == "docker.io" {
			hosts["registry-1.docker.io"] = insecure
		}
	}
	skip := g.sys.DockerInsecureSkipTLSVerify
	add(reference.Domain(named), skip == types.OptionalBoolTrue)
	if r, err := sysregistriesv2.FindRegistry(g.sys, named.Name()); err == nil && r != nil {
		if sources, err := r.PullSourcesFromReference(named); err == nil {
			for _, s := range sources {
				add(reference.Domain(s.Reference), s.Endpoint.Insecure && skip != types.OptionalBoolFalse || skip == types.OptionalBoolTrue)
			}
		}
	}
	g.mu.Lock()
	g.hosts, g.pinged = hosts, ""
	g.mu.Unlock()
	g.credentials = sync.OnceValue(func() bool {
		if g.sys.DockerAuthConfig != nil {
			return true
		}
		auth, err := config.GetCredentialsForRef(g.sys, named)
		return err != nil || auth != (types.DockerAuthConfig{})
	})
}

// proxy is asked before each request.
func (g *gate) proxy(u *url.URL) (*url.URL, error) {
	if err := g.pass(u); err != nil {
		return nil, err
	}
	return http.ProxyFromEnvironment(&http.Request{URL: u})
}

func (g *gate) pass(u *url.URL) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hosts == nil {
		return nil
	}
	plain, own := g.hosts[u.Host]
	if own {
		if u.Scheme != "https" && !plain {
			return refusal{fmt.Sprintf("%s sends its clients on without encryption", u.Host)}
		}
		g.pinged = ""
		if u.Path == "/v2/" {
			g.pinged = u.Host
		}
		return nil
	}
	asksToken := u.Query().Has("scope") || u.Query().Has("service") || g.pinged != ""
	from := g.pinged
	g.pinged = ""
	return g.elsewhere(u, from, asksToken)
}

// elsewhere judges a request to a host that is not the registry's.
func (g *gate) elsewhere(u *url.URL, from string, asksToken bool) error {
	if metadata(u.Hostname()) || loopback(u.Hostname()) && !g.local() {
		return refusal{fmt.Sprintf("the registry sends its clients to %s, which is an address of this machine or of its cloud", u.Hostname())}
	}
	if u.Scheme != "https" && !g.anyPlain() {
		return refusal{fmt.Sprintf("the registry sends its clients to %s without encryption", u.Host)}
	}
	if asksToken && g.related(u) {
		return nil
	}
	if asksToken && g.credentials() {
		return hint.Wrap(refusal{fmt.Sprintf("the registry asks for its credentials to be sent to %s", u.Host)},
			"it may be in the hands of others; without credentials it can be asked: pod logout "+from)
	}
	for host := range g.hosts {
		if name, _, err := net.SplitHostPort(host); err == nil && name == u.Hostname() && g.credentials() {
			return refusal{fmt.Sprintf("the registry sends its clients to %s, where its credentials would follow", u.Host)}
		}
	}
	return nil
}

// related reports whether a token server belongs to a registry: the same host over TLS, or a host of the same registered domain.
func (g *gate) related(u *url.URL) bool {
	for host, plain := range g.hosts {
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
		if u.Scheme != "https" && !plain {
			continue
		}
		if name == u.Hostname() {
			return true
		}
		mine, err := publicsuffix.EffectiveTLDPlusOne(name)
		theirs, err2 := publicsuffix.EffectiveTLDPlusOne(u.Hostname())
		if err == nil && err2 == nil && mine == theirs && u.Scheme == "https" && !numeric(name) {
			return true
		}
	}
	return false
}

func (g *gate) anyPlain() bool {
	for _, plain := range g.hosts {
		if plain {
			return true
		}
	}
	return false
}

// local reports whether one of the registry's hosts is itself of this machine.
func (g *gate) local() bool {
	for host := range g.hosts {
		name := host
		if h, _, err := net.SplitHostPort(host); err == nil {
			name = h
		}
		if loopback(name) {
			return true
		}
	}
	return false
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
