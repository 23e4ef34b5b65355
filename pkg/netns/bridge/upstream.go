package bridge

import (
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/netns"
)

const resolvFile = "/etc/resolv.conf"

// upstreamPatience bounds the wait for one nameserver: a resolver in a container asks again after five seconds.
const upstreamPatience = 2 * time.Second

// upstream is what the machine's resolv.conf says, read again when it has changed. The helper asks from the machine's own
// namespace, so that nameservers on its loopback are reached as well.
type upstream struct {
	path string

	mu      sync.Mutex
	looked  time.Time
	seen    os.FileInfo
	servers []netip.Addr
	search  []string
}

func newUpstream(path string) *upstream { return &upstream{path: path} }

// lookEvery bounds how often the file is looked at.
const lookEvery = 100 * time.Millisecond

func (u *upstream) refresh() {
	if time.Since(u.looked) < lookEvery {
		return
	}
	u.looked = time.Now()
	info, err := os.Stat(u.path)
	if err != nil {
		return
	}
	if u.seen != nil && os.SameFile(u.seen, info) && u.seen.ModTime().Equal(info.ModTime()) && u.seen.Size() == info.Size() {
		return
	}
	text, err := os.ReadFile(u.path)
	if err != nil {
		return
	}
	u.seen = info
	u.servers, u.search = netns.ParseResolv(text)
}

func (u *upstream) nameservers() []netip.Addr {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refresh()
	return u.servers
}

// withoutSearch takes a search domain off a name: one of own, or where there is none, of the machine's.
func (u *upstream) withoutSearch(name string, own []string) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refresh()
	if len(own) == 0 {
		own = u.search
	}
	for _, domain := range own {
		domain = strings.ToLower(strings.Trim(domain, "."))
		if rest, ok := strings.CutSuffix(name, "."+domain); ok && domain != "" {
			return rest
		}
	}
	return name
}
