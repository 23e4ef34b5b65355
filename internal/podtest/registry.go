package podtest

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// Registry serves an empty registry in memory over plain HTTP until the test ends, and gives its address, "127.0.0.1:PORT". Handlers
// wrap it, the first outermost; a test uses them to fail, to stall or to count.
func Registry(t testing.TB, wrap ...func(http.Handler) http.Handler) string {
	t.Helper()
	var h http.Handler = registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	for i := len(wrap) - 1; i >= 0; i-- {
		h = wrap[i](h)
	}
	server := httptest.NewServer(h)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return strings.TrimPrefix(server.URL, "http://")
}
