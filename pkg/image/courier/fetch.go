package courier

import (
	"context"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/pkg/image"
)

// FetchFile is a file that is fetched by HTTP.
type FetchFile struct {
	URL  string
	Path string // a file that is made
}

// FetchedFile is what the server said of it.
type FetchedFile struct {
	Modified time.Time // zero: nothing
	Digest   digest.Digest
}

// Fetch writes the file at an address of HTTP or HTTPS to path.
func (c Courier) Fetch(ctx context.Context, s *image.Store, url, path string) (FetchedFile, error) {
	answer, err := c.run(ctx, s, Request{Verb: Fetch, Fetch: FetchFile{URL: url, Path: path}}, nil, nil)
	return answer.Fetched, err
}
