package e2e

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"
)

// registry hang: from now on, $REGISTRY takes requests and does not answer. registry asked: wait for such a request.
//
// registry start [-user NAME:PASSWORD]: start a registry on the loopback address that has the images box:latest and
// probe:latest, allow it without TLS for this world, and set REGISTRY to its host:port. It ends with the script.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "registry", neg, len(args) > 0)
	sc := of(ts)
	switch args[0] {
	case "start":
	case "docker":
		startDockerRegistry(ts, args[1:])
		return
	case "hang":
		sc.hang.on.Store(true)
		return
	case "asked":
		select {
		case <-sc.hang.asked:
		case <-time.After(10 * time.Second):
			ts.Fatalf("nobody asks the registry")
		}
		return
	default:
		ts.Fatalf("registry %s: no such word", args[0])
	}
	user := ""
	if len(args) == 3 && args[1] == "-user" {
		user = args[2]
	}
	sc.hang = &hang{next: withPassword(user, registry.New(registry.Logger(log.New(io.Discard, "", 0)))), asked: make(chan struct{}, 1)}
	server := httptest.NewServer(sc.hang)
	ts.Defer(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	ts.Setenv("REGISTRY", host)

	config := filepath.Join(ts.Getenv("XDG_CONFIG_HOME"), "containers")
	ts.Check(os.MkdirAll(config, 0o700))
	text := fmt.Sprintf("[[registry]]\nlocation = %q\ninsecure = true\n", host)
	ts.Check(os.WriteFile(filepath.Join(config, "registries.conf"), []byte(text), 0o600))

	archives, err := filepath.Glob(filepath.Join(of(ts).archives, "*.tar"))
	ts.Check(err)
	for _, archive := range archives {
		ts.Check(push(archive, host, user))
	}
}

// hang is a registry that can stop to answer.
type hang struct {
	next  http.Handler
	on    atomic.Bool
	asked chan struct{} // has something once somebody waits for an answer
}

func (h *hang) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.on.Load() {
		h.next.ServeHTTP(w, r)
		return
	}
	select {
	case h.asked <- struct{}{}:
	default:
	}
	<-r.Context().Done()
}

// push uploads the image in an archive under the archive's name.
func push(archive, host, user string) error {
	image, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return err
	}
	short := strings.TrimSuffix(filepath.Base(archive), ".tar")
	ref, err := name.ParseReference(host+"/"+short+":latest", name.Insecure)
	if err != nil {
		return err
	}
	auth := authn.Anonymous
	if who, password, ok := strings.Cut(user, ":"); ok {
		auth = &authn.Basic{Username: who, Password: password}
	}
	return remote.Write(ref, image, remote.WithAuth(auth))
}

// withPassword asks for NAME:PASSWORD; an empty one lets everybody in.
func withPassword(want string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if want != "" && user+":"+password != want {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`, http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}
