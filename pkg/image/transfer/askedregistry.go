package transfer

import (
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
	"golang.org/x/net/publicsuffix"
)

// askedRegistry is a registry that is about to be asked for something, with its mirrors.
type askedRegistry struct {
	domain      string
	path        string          // of the repository; empty: the registry is asked itself
	hosts       map[string]bool // "host:port"; true: it may speak HTTP without TLS
	lookaside   string          // host where registries.d(5) says that signatures are
	credentials func() bool     // whether there are any
}

// admitted gives the reference of an image in its registry, to which requests may go from now on.
func (g *gate) admitted(n image.Name) (types.ImageReference, error) {
	named, err := reference.ParseNormalizedNamed(n.String())
	if err != nil {
		return nil, err
	}
	ref, err := docker.NewReference(named)
	if err == nil {
		g.expect(ref)
	}
	return ref, err
}

// expect says what is about to be asked for in a registry. It is called for each reference of one, and its effect adds up.
func (g *gate) expect(ref types.ImageReference) {
	named := ref.DockerReference()
	r := g.registry(reference.Domain(named), named.Name())
	r.path = reference.Path(named)
	sources := []reference.Named{named}
	if found, err := sysregistriesv2.FindRegistry(g.sys, named.Name()); err == nil && found != nil {
		mirrors, err := found.PullSourcesFromReference(named)
		if err == nil {
			for _, s := range mirrors {
				r.add(reference.Domain(s.Reference), g.plain(s.Endpoint.Insecure))
				sources = append(sources, s.Reference)
			}
		}
	}
	if at, err := docker.SignatureStorageBaseURL(g.sys, ref, false); err == nil && at != nil {
		r.lookaside = at.Host
	}
	r.credentials = sync.OnceValue(func() bool {
		return g.sys.DockerAuthConfig != nil || slices.ContainsFunc(sources, func(n reference.Named) bool { return some(credentialsForRef(g.sys, n)) })
	})
	g.admit(r)
}

// expectRegistry says that a registry itself is about to be asked; sure: with credentials that are not kept yet.
func (g *gate) expectRegistry(domain string, sure bool) {
	r := g.registry(domain, domain)
	if domain == "docker.io" {
		r.add("index.docker.io", r.hosts[domain]) // which can be searched
	}
	r.credentials = sync.OnceValue(func() bool {
		return sure || g.sys.DockerAuthConfig != nil || some(credentialsFor(g.sys, domain))
	})
	g.admit(r)
}

func (g *gate) registry(domain, name string) *askedRegistry {
	r := &askedRegistry{domain: domain, hosts: map[string]bool{}}
	found, err := sysregistriesv2.FindRegistry(g.sys, name)
	r.add(domain, g.plain(err == nil && found != nil && found.Insecure))
	return r
}

func (g *gate) admit(r *askedRegistry) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(slices.Clone(g.asked), r)
}

// plain reports whether a registry may be spoken to without TLS: what the user says now counts more than registries.conf(5).
func (g *gate) plain(configured bool) bool {
	skip := g.sys.DockerInsecureSkipTLSVerify
	return skip == types.OptionalBoolTrue || configured && skip != types.OptionalBoolFalse
}

// some reports whether there are credentials; where they cannot be read there may be.
func some(found types.DockerAuthConfig, err error) bool {
	return err != nil || found != (types.DockerAuthConfig{})
}

func (r *askedRegistry) add(domain string, plain bool) {
	r.hosts[domain] = plain
	if domain == "docker.io" {
		r.hosts["registry-1.docker.io"] = plain
	}
}

// concerns reports whether a request may be this registry's: a token is asked for by the path of the repository.
func (r *askedRegistry) concerns(u *url.URL, what purpose) bool {
	scopes := u.Query()["scope"]
	if what != asksToken || r.path == "" || len(scopes) == 0 {
		return true
	}
	return slices.ContainsFunc(scopes, func(s string) bool { return strings.Contains(s, ":"+r.path+":") })
}

// trusts reports whether credentials of the registry may go to a server elsewhere: to a host of the same registered domain over TLS; those for a token to
// another port of the same host too.
func (r *askedRegistry) trusts(u *url.URL, what purpose) bool {
	for host, plain := range r.hosts {
		tls := u.Scheme == "https"
		switch {
		case what == reads:
			return false
		case hostname(host) == u.Hostname():
			if what == asksToken && (tls || plain) {
				return true
			}
		case tls && sameDomain(hostname(host), u.Hostname()):
			return true
		}
	}
	return false
}

// sameDomain reports whether two hosts belong to the same owner, as far as names tell.
func sameDomain(a, b string) bool {
	mine, err := publicsuffix.EffectiveTLDPlusOne(a)
	theirs, err2 := publicsuffix.EffectiveTLDPlusOne(b)
	return err == nil && err2 == nil && mine == theirs && !numeric(a)
}

// named reports whether a host is the registry's, whatever the port.
func (r *askedRegistry) named(name string) bool {
	for host := range r.hosts {
		if hostname(host) == name {
			return true
		}
	}
	return false
}

// plain reports whether one of the hosts may speak HTTP without TLS.
func (r *askedRegistry) plain() bool {
	for _, plain := range r.hosts {
		if plain {
			return true
		}
	}
	return false
}

// local reports whether one of the hosts is itself of this machine.
func (r *askedRegistry) local() bool {
	for host := range r.hosts {
		if loopback(hostname(host)) {
			return true
		}
	}
	return false
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
