package transfer

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

func TestCredentials(t *testing.T) {
	closed := false
	host := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		if !closed || user == "jo" && password == "secret" {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}))
	s := newStore(t, insecure(host))
	ref := host + "/app:1"
	push(t, small("one"), ref)
	closed = true
	const auths = `":{"auth":"am86c2VjcmV0"}}}` // jo:secret
	file := filepath.Join(t.TempDir(), "auth.json")
	if err := os.WriteFile(file, []byte(`{"auths":{"`+host+auths), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, opts := range map[string]image.PullOptions{"flag": {Access: image.Access{Creds: "jo:secret"}}, "file": {Access: image.Access{AuthFile: file}}} {
		if _, err := (Transfer{}).Pull(t.Context(), s, ref, opts); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Transfer{}).Pull(t.Context(), s, ref, image.PullOptions{Access: image.Access{Creds: "jo:wrong"}}); err == nil {
		t.Error("wrong credentials were taken")
	}
	if _, err := (Transfer{}).Pull(t.Context(), s, ref, image.PullOptions{Access: image.Access{Creds: "jo"}}); err == nil {
		t.Error("credentials without password were taken")
	}
	for _, place := range []string{".docker/config.json", "containers/auth.json"} {
		dir := os.Getenv("HOME") // newStore makes it the runtime directory too
		path := filepath.Join(dir, place)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file, path); err != nil {
			t.Fatal(err)
		}
		if _, err := (Transfer{}).Pull(t.Context(), s, ref, image.PullOptions{}); err != nil {
			t.Errorf("credentials in %s: %v", place, err)
		}
		file = path
	}
}
