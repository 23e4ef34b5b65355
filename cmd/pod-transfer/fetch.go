package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/pkg/image/courier"
)

// Bounds of a fetch, which ADD of an address asks for.
const (
	fetchLimit = 64 << 30 // bytes
	fetchTime  = 6 * time.Hour
)

// fetch writes a file of a web server to disk.
func fetch(ctx context.Context, userAgent string, f courier.FetchFile) (got courier.FetchedFile, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL, nil)
	if err != nil {
		return got, errors.New("the address cannot be read")
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept-Encoding", "identity") // the file, not a form of it
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) {
			err = at.Err // without the address, which may hold a password
		}
		return got, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return got, fmt.Errorf("the server answers %s", response.Status)
	}
	out, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return got, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, hash), io.LimitReader(response.Body, fetchLimit))
	if err != nil {
		return got, err
	}
	if response.ContentLength >= 0 && n != response.ContentLength || n == fetchLimit {
		return got, fmt.Errorf("%d bytes came of %d", n, response.ContentLength)
	}
	got.Digest = digest.NewDigest(digest.SHA256, hash)
	got.Modified, _ = http.ParseTime(response.Header.Get("Last-Modified")) // zero when there is none
	return got, nil
}
