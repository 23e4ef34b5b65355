package image

import (
	"github.com/opencontainers/go-digest"
)

// LookAt says what is wanted of an image in a registry beside its manifest: nothing of it is unpacked or kept.
type LookAt struct {
	Access
	Configs    bool // the configuration of each image
	Statements bool // what attests to the images
}

// Looked is an image or a list as its registry has it.
type Looked struct {
	Manifest
	Digest digest.Digest
	// Manifests are those of the list's entries that were asked for, Blobs what they name and was asked for. Of an image that is no list its own manifest
	// is among them.
	Manifests map[digest.Digest][]byte
	Blobs     map[digest.Digest][]byte
}
