package image

import (
	"errors"
	"fmt"
)

// ManifestType is a type of image manifest, in the words of --format.
type ManifestType string

const (
	OCI  ManifestType = "oci"
	V2S2 ManifestType = "v2s2" // docker's image manifest version 2, schema 2
	V2S1 ManifestType = "v2s1" // its schema 1, which few registries still take
)

// ParseManifestType reads the words of push --format. Empty keeps the image's own type.
func ParseManifestType(s string) (ManifestType, error) {
	switch t := ManifestType(s); t {
	case "", OCI, V2S2, V2S1:
		return t, nil
	case "docker":
		return V2S2, nil
	}
	return "", fmt.Errorf("format %q: it is one of oci, v2s2 (docker), v2s1", s)
}

// Compression is how layers are compressed.
type Compression string

const (
	Gzip        Compression = "gzip"
	Zstd        Compression = "zstd"
	ZstdChunked Compression = "zstd:chunked" // zstd with an index of files, so that only what is missing is fetched
)

// ParseCompression reads the words of --compression-format. Empty leaves the choice to the destination.
func ParseCompression(s string) (Compression, error) {
	switch c := Compression(s); c {
	case "", Gzip, Zstd, ZstdChunked:
		return c, nil
	}
	if s == "estargz" {
		return "", errors.New(`compression "estargz": it can be pulled, but the image library cannot make it; zstd:chunked serves the same purpose`)
	}
	return "", fmt.Errorf("compression %q: it is one of gzip, zstd, zstd:chunked", s)
}
