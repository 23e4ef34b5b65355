package transfer

import (
	"net/url"
	"strings"
	"testing"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/types"
)

// TestGate goes through the addresses that pulls of well-known registries ask for, and some that none should.
func TestGate(t *testing.T) {
	newStore(t, "")
	const token = "/token?account=u&scope=repository%3Aapp%3Apull&service=x"
	for _, c := range []struct {
		name, image string
		login       bool
		asked       []string
		want        string // of the refusal of the last address; empty: it may be asked
	}{
		{"Docker Hub", "docker.io/library/app", true, []string{"https://registry-1.docker.io/v2/", "https://auth.docker.io" + token, "https://registry-1.docker.io/v2/library/app/manifests/1"}, ""},
		{"its store of layers", "docker.io/library/app", true, []string{"https://registry-1.docker.io/v2/library/app/blobs/x", "https://production.cloudflare.docker.com/x"}, ""},
		{"GitLab", "registry.gitlab.com/a/b", true, []string{"https://registry.gitlab.com/v2/", "https://gitlab.com/jwt/auth" + token[6:]}, ""},
		{"Kubernetes", "registry.k8s.io/pause", false, []string{"https://registry.k8s.io/v2/", "https://europe-docker.pkg.dev/v2/"}, ""},
		{"token of its own", "r.example:5000/app", true, []string{"https://r.example:5000/v2/", "https://r.example:5001" + token}, ""},
		{"realm elsewhere", "r.example/app", true, []string{"https://r.example/v2/", "https://evil.test" + token}, "credentials to be sent to evil.test"},
		{"realm elsewhere without scope", "r.example/app", true, []string{"https://r.example/v2/", "https://evil.test/"}, "credentials to be sent to evil.test"},
		{"realm elsewhere for nobody", "r.example/app", false, []string{"https://r.example/v2/", "https://evil.test" + token}, ""},
		{"realm in a shared domain", "a.github.io/app", true, []string{"https://a.github.io/v2/", "https://b.github.io" + token}, "credentials to be sent to b.github.io"},
		{"realm that begins alike", "r.example/app", true, []string{"https://r.example/v2/", "https://r.example.evil.test" + token}, "credentials to be sent to"},
		{"without TLS", "r.example/app", false, []string{"https://r.example/v2/", "http://r.example/v2/app/manifests/1"}, "without encryption"},
		{"without TLS elsewhere", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "http://cdn.example/x"}, "without encryption"},
		{"this machine", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "https://127.0.0.1:8080/x"}, "an address of this machine"},
		{"this machine by IPv6", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "https://[::ffff:127.0.0.1]/x"}, "an address of this machine"},
		{"metadata", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "https://169.254.169.254/x"}, "of its cloud"},
		{"another port", "r.example:5000/app", true, []string{"https://r.example:5000/v2/app/blobs/x", "https://r.example:9000/x"}, "credentials would follow"},
	} {
		sys := &types.SystemContext{}
		if c.login {
			sys.DockerAuthConfig = &types.DockerAuthConfig{Username: "u", Password: "p"}
		}
		named, err := reference.ParseNormalizedNamed(c.image)
		if err != nil {
			t.Fatal(err)
		}
		g := newGate(sys)
		g.expect(named)
		for i, text := range c.asked {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			err = g.pass(u)
			last := i == len(c.asked)-1
			switch {
			case err == nil && last && c.want != "":
				t.Errorf("%s: %s may be asked, want a refusal", c.name, text)
			case err != nil && (!last || c.want == "" || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%s: %s: %v, want %q", c.name, text, err, c.want)
			}
		}
	}
}
