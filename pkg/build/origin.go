package build

import (
	"cmp"
	"context"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/pkg/build/provenance"
)

// Origin is where files were fetched from, for what is said of a build. The zero value: they are the caller's own.
type Origin struct {
	URI    string // without credentials; of git with #REF
	Digest provenance.DigestSet
}

// origin is what an address led to: for git a commit, else the digest of a file.
func (a address) origin(found string) Origin {
	o := Origin{URI: provenance.Redact(a.url)}
	if !a.git {
		if algorithm, hex, ok := strings.Cut(found, ":"); ok {
			o.Digest = provenance.DigestSet{algorithm: hex}
		}
		return o
	}
	if a.ref != "" {
		o.URI += "#" + a.ref
	}
	// Git's own words: SHA-1, or SHA-256 where a repository is made with it.
	algorithm := "sha1"
	if len(found) == 64 {
		algorithm = "sha256"
	}
	o.Digest = provenance.DigestSet{algorithm: found}
	return o
}

// OriginOf is where a text was fetched from that is all that is at an address.
func OriginOf(word string, text []byte) Origin {
	return address{url: word}.origin(digest.FromBytes(text).String())
}

// material is the origin as something that a build was made of.
func (o Origin) material() provenance.Material {
	return provenance.Material{URI: o.URI, Digest: o.Digest}
}

// origins are those of what the steps of a build have fetched, by the address as written.
type origins struct {
	mu    sync.Mutex
	known map[string]Origin
}

func (o *origins) note(word string, from Origin) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.known == nil {
		o.known = map[string]Origin{}
	}
	o.known[word] = from
}

// of gives the origin of what an address means. A step that was in the cache has not fetched it, and its checksum says what it would have.
func (o *origins) of(word, checksum string) Origin {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.known[word]; ok {
		return known
	}
	a, err := parseAddress(word)
	if err != nil {
		return Origin{URI: provenance.Redact(word)}
	}
	if checksum == "" {
		checksum = cmp.Or(a.commit(), a.checksum)
	}
	return a.origin(checksum)
}

// VersionControl is what git says of a directory that is built from: "revision" and "source", without credentials. It is empty where there is no git, or
// no repository.
func VersionControl(ctx context.Context, dir string) map[string]string {
	out := map[string]string{}
	if commit, err := git(ctx, dir, "rev-parse", "--verify", "--quiet", "HEAD"); err == nil && commit != "" {
		out["revision"] = commit
	}
	if from, err := git(ctx, dir, "config", "--get", "remote.origin.url"); err == nil && from != "" {
		out["source"] = provenance.Redact(from)
	}
	return out
}
