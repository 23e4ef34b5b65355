package transfer

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

// TestSilentRegistry asks a registry that never answers: each question ends by itself, with a sentence.
func TestSilentRegistry(t *testing.T) {
	host := podtest.Registry(t, intercept(func(_ http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return true
	}))
	s := newStore(t, insecure(host))
	none := uint(0)
	access := image.Access{Retry: &none}
	patient := Transfer{Patience: 50 * time.Millisecond}
	for name, ask := range map[string]func() error{
		"login": func() error {
			_, err := patient.Login(t.Context(), image.Login{Registry: host, Username: "jo", Password: "x"})
			return err
		},
		"search": func() error { _, err := patient.Search(t.Context(), host+"/box", image.SearchOptions{}); return err },
		"tags": func() error {
			_, err := patient.Search(t.Context(), host+"/box", image.SearchOptions{Tags: true})
			return err
		},
		"manifest": func() error { _, err := patient.Manifest(t.Context(), s, host+"/box", access); return err },
	} {
		done := make(chan error, 1)
		go func() { done <- ask() }()
		select {
		case err := <-done:
			if err == nil || !strings.Contains(err.Error(), host) || !strings.Contains(err.Error(), "silent") {
				t.Errorf("%s: %v", name, err)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%s does not end", name)
		}
	}
}
