package transfer

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/types"
)

func expecting(t *testing.T, sys *types.SystemContext, names ...string) *gate {
	t.Helper()
	g := newGate(sys)
	for _, name := range names {
		ref, err := docker.ParseReference("//" + name)
		if err != nil {
			t.Fatal(err)
		}
		g.expect(ref)
	}
	return g
}

// TestGateOfSeveral asks several registries in one transfer, of which one has credentials.
func TestGateOfSeveral(t *testing.T) {
	newStore(t, "")
	auth := filepath.Join(t.TempDir(), "auth.json")
	if err := os.WriteFile(auth, []byte(`{"auths":{"own.example":{"auth":"dTpw"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	g := expecting(t, &types.SystemContext{AuthFilePath: auth}, "own.example/team/app", "free.example/base")
	for text, want := range map[string]string{
		"https://own.example/v2/": "", "https://free.example/v2/": "", "https://token.own.example/?scope=repository:team/app:push": "",
		"https://token.test/?scope=repository:base:pull":                               "",
		"https://evil.test/?scope=repository:team/app:pull":                            "credentials to be sent",
		"https://evil.test/?scope=repository:base:pull&scope=repository:team/app:pull": "credentials to be sent",
		"https://evil.test/": "credentials to be sent",
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		err = g.pass(u, func() purpose { return asksToken })
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	if err := newGate(&types.SystemContext{}).pass(&url.URL{Scheme: "https", Host: "r.example"}, calledFor); err == nil {
		t.Error("a gate that expects nothing lets a request pass")
	}
}

// TestGate goes through the addresses that pulls of well-known registries ask for, and some that none should.
func TestGate(t *testing.T) {
	newStore(t, "")
	const token = "/token?account=u&scope=repository%3Aapp%3Apull&service=x"
	for _, c := range []struct {
		name, image string
		login       bool
		asked       []string
		last        purpose // of the request for the last address
		want        string  // of its refusal; empty: it may be asked
	}{
		{"Docker Hub", "docker.io/library/app", true, []string{"https://registry-1.docker.io/v2/", "https://auth.docker.io" + token, "https://registry-1.docker.io/v2/library/app/manifests/1"}, asksToken, ""},
		{"its store of layers", "docker.io/library/app", true, []string{"https://registry-1.docker.io/v2/library/app/blobs/x", "https://production.cloudflare.docker.com/x"}, reads, ""},
		{"GitLab", "registry.gitlab.com/a/b", true, []string{"https://registry.gitlab.com/v2/", "https://gitlab.com/jwt/auth" + token[6:]}, asksToken, ""},
		{"Kubernetes", "registry.k8s.io/pause", false, []string{"https://registry.k8s.io/v2/", "https://europe-docker.pkg.dev/v2/"}, reads, ""},
		{"token of its own", "r.example:5000/app", true, []string{"https://r.example:5000/v2/", "https://r.example:5001" + token}, asksToken, ""},
		{"realm elsewhere", "r.example/app", true, []string{"https://r.example/v2/", "https://evil.test" + token}, asksToken, "credentials to be sent to evil.test"},
		{"realm elsewhere without scope", "r.example/app", true, []string{"https://r.example/v2/", "https://evil.test/"}, asksToken, "credentials to be sent to evil.test"},
		{"realm elsewhere for nobody", "r.example/app", false, []string{"https://r.example/v2/", "https://evil.test" + token}, asksToken, ""},
		{"realm in a shared domain", "a.github.io/app", true, []string{"https://a.github.io/v2/", "https://b.github.io" + token}, asksToken, "credentials to be sent to b.github.io"},
		{"realm that begins alike", "r.example/app", true, []string{"https://r.example/v2/", "https://r.example.evil.test" + token}, asksToken, "credentials to be sent to"},
		{"without TLS", "r.example/app", false, []string{"https://r.example/v2/", "http://r.example/v2/app/manifests/1"}, reads, "without encryption"},
		{"without TLS elsewhere", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "http://cdn.example/x"}, reads, "without encryption"},
		{"this machine", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "https://127.0.0.1:8080/x"}, reads, "an address of this machine"},
		{"this machine by IPv6", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "https://[::ffff:127.0.0.1]/x"}, reads, "an address of this machine"},
		{"metadata", "r.example/app", false, []string{"https://r.example/v2/app/blobs/x", "https://169.254.169.254/x"}, reads, "of its cloud"},
		{"upload of its own", "r.example:5000/app", true, []string{"https://r.example:5000/v2/app/blobs/uploads/", "https://uploads.r.example/x"}, writes, ""},
		{"upload elsewhere", "r.example/app", true, []string{"https://r.example/v2/app/blobs/uploads/", "https://evil.test/x"}, writes, "credentials would follow"},
		{"upload elsewhere for nobody", "r.example/app", false, []string{"https://r.example/v2/app/blobs/uploads/", "https://storage.test/x"}, writes, ""},
		{"the port that goes without saying", "r.example/app", true, []string{"https://r.example:443/v2/app/blobs/x"}, reads, ""},
		{"another port", "r.example:5000/app", true, []string{"https://r.example:5000/v2/app/blobs/x", "https://r.example:9000/x"}, reads, "credentials would follow"},
	} {
		sys := &types.SystemContext{}
		if c.login {
			sys.DockerAuthConfig = &types.DockerAuthConfig{Username: "u", Password: "p"}
		}
		g := expecting(t, sys, c.image)
		for i, text := range c.asked {
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			last := i == len(c.asked)-1
			what := reads
			if last {
				what = c.last
			}
			err = g.pass(u, func() purpose { return what })
			switch {
			case err == nil && last && c.want != "":
				t.Errorf("%s: %s may be asked, want a refusal", c.name, text)
			case err != nil && (!last || c.want == "" || !strings.Contains(err.Error(), c.want)):
				t.Errorf("%s: %s: %v, want %q", c.name, text, err, c.want)
			}
		}
	}
}
