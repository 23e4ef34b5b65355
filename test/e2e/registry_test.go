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

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/rogpeppe/go-internal/testscript"
)

// registry start [-user NAME:PASSWORD]: start a registry on the loopback address that has the images box:latest and
// probe:latest, allow it without TLS for this world, and set REGISTRY to its host:port. It ends with the script.
func startRegistry(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, "registry", neg, len(args) > 0 && args[0] == "start")
	user := ""
	if len(args) == 3 && args[1] == "-user" {
		user = args[2]
	}
	server := httptest.NewServer(withPassword(user, registry.New(registry.Logger(log.New(io.Discard, "", 0)))))
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
