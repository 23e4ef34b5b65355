package build

import (
	"maps"
	"testing"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
)

func TestArgumentsOfProvenance(t *testing.T) {
	job := &Job{
		Request: plan.Request{
			Args:   map[string]string{"VERSION": "1", "http_proxy": "http://me:hunter2@proxy:3128"},
			Labels: map[string]string{"a": "b"}, Target: "app", NoCacheFilter: []string{"x", "y"},
			Contexts: map[string]string{"tree": "tree", "fetched": "tree", "base": "image:quay.io/a/b:1"},
		},
		Contexts: map[string]*Context{"tree": {}, "fetched": {Origin: Origin{URI: "https://example.com/a.git#main"}}},
		Run:      container.NewConfig(),
	}
	job.Run.Network.Mode = "none"
	want := map[string]string{
		"build-arg:VERSION": "1", "build-arg:http_proxy": "http://proxy:3128", "label:a": "b", "target": "app", "no-cache": "x,y",
		"context:tree": "local:tree", "context:fetched": "https://example.com/a.git#main", "context:base": "docker-image://quay.io/a/b:1",
		"force-network-mode": "none",
	}
	if got := job.arguments(); !maps.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOrigins(t *testing.T) {
	var o origins
	for _, c := range []struct{ word, checksum, uri, algorithm, digest string }{
		{"https://u:p@example.com/f.tar", "sha256:abc", "https://example.com/f.tar", "sha256", "abc"},
		{"https://example.com/a.git#v1", "4b220de5058abfd01ff619c9d2ff6b09a049bea0", "https://example.com/a.git#v1", "sha1", "4b220de5058abfd01ff619c9d2ff6b09a049bea0"},
		{"https://example.com/a.git?ref=v1&checksum=4b220de5058abfd01ff619c9d2ff6b09a049bea0", "", "https://example.com/a.git#v1", "sha1", "4b220de5058abfd01ff619c9d2ff6b09a049bea0"},
	} {
		got := o.of(c.word, c.checksum)
		if got.URI != c.uri || got.Digest[c.algorithm] != c.digest {
			t.Errorf("%s: %v", c.word, got)
		}
	}
	known := Origin{URI: "https://example.com/known"}
	o.note("https://example.com/f.tar", known)
	if got := o.of("https://example.com/f.tar", ""); got.URI != known.URI {
		t.Errorf("what was fetched is forgotten: %v", got)
	}
}
