package provenance

import (
	"testing"

	"github.com/package-url/packageurl-go"

	"github.com/pod-engine/pod/pkg/build/plan"
)

func TestImageURL(t *testing.T) {
	amd64, arm := plan.Platform{OS: "linux", Arch: "amd64"}, plan.Platform{OS: "linux", Arch: "arm", Variant: "v7"}
	const sum = "sha256:8914eb54f968791faf6a8638949e480fef81e697984fba772b3976835194c6d4"
	for _, c := range []struct {
		name     string
		platform plan.Platform
		want     string
	}{
		{"docker.io/library/alpine:3.17", amd64, "pkg:docker/alpine@3.17?platform=linux%2Famd64"},
		{"docker.io/team/app:1", amd64, "pkg:docker/team/app@1?platform=linux%2Famd64"},
		{"quay.io/team/app", arm, "pkg:docker/quay.io/team/app@latest?platform=linux%2Farm%2Fv7"},
		{"localhost:5000/app:v1.0_x", amd64, "pkg:docker/localhost:5000/app@v1.0_x?platform=linux%2Famd64"},
		{"docker.io/library/alpine@" + sum, amd64, "pkg:docker/alpine?digest=" + sum + "&platform=linux%2Famd64"},
		{"quay.io/a/b:2@" + sum, plan.Platform{}, "pkg:docker/quay.io/a/b@2?digest=" + sum},
	} {
		got := ImageURL(c.name, c.platform)
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		read, err := packageurl.FromString(got)
		if err != nil {
			t.Errorf("%s: %v", got, err)
			continue
		}
		if read.ToString() != got {
			t.Errorf("%s: the library writes %s", got, read.ToString())
		}
	}
}

func TestRedact(t *testing.T) {
	for address, want := range map[string]string{
		"https://user:secret@example.com/a.git#main": "https://example.com/a.git#main",
		"https://token@example.com/a.tar":            "https://example.com/a.tar",
		"ssh://git@example.com/a.git":                "ssh://git@example.com/a.git",
		"ssh://git:secret@example.com/a.git":         "ssh://example.com/a.git",
		"git@example.com:team/a.git":                 "git@example.com:team/a.git",
		"https://example.com/a?x=1":                  "https://example.com/a?x=1",
		"https://u:%zz@example.com/a":                "https://example.com/a",
	} {
		if got := Redact(address); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}
