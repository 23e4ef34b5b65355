package image

import (
	"io"
	"time"
)

// Access says how registries are spoken to, and where the conversation about it goes. The zero value follows the user's and the
// machine's configuration.
type Access struct {
	AuthFile  string // credentials; empty: $REGISTRY_AUTH_FILE, then the usual places of podman and docker
	Creds     string // "user:password", before any file
	CertDir   string // *.crt, *.cert, *.key for the registry
	TLSVerify *bool  // nil: as registries.conf(5) says

	Retry      *uint         // further tries after a fault of the network; nil: 3
	RetryDelay time.Duration // before the first further try; zero: 1 s, doubled each time

	Parallel uint   // layers that are copied at the same time; zero: 6
	TmpDir   string // for temporary files, unless TMPDIR is set; empty or "storage": beside the store

	// Progress is where the progress of each layer is told; nil: nowhere. Terminal says that it is one, and gets bars.
	Progress io.Writer `json:"-"`
	Terminal bool
}

// PushOptions say how an image leaves the store.
type PushOptions struct {
	Access
	Signing
	// AllTags pushes every name that the images of the repository have there.
	AllTags bool
	// Uncompressed leaves the layers as they are in the store; for OCI layouts and archives of them.
	Uncompressed bool
	// ByDigest gives what is pushed no tag: the destination is a repository.
	ByDigest bool
	// Type is the type of manifest that is written; empty keeps the image's own where the destination takes it.
	Type ManifestType
	// Compression is how layers are compressed; empty: as they are, else gzip. Level is the algorithm's own scale; nil: its default. Force
	// also compresses anew what the destination has in another form.
	Compression Compression
	Level       *int
	Force       bool
	// AddCompression has each image of a manifest list there once more in these.
	AddCompression []Compression
	// Compress compresses the layers of a dir: destination, which otherwise are kept as they are.
	Compress bool
	// EncryptionKeys are "PROTOCOL:KEYFILE" (jwe, pgp, pkcs7, provider); EncryptLayers the layers to encrypt, counted from 0 or from the end with
	// -1; empty: all.
	EncryptionKeys []string
	EncryptLayers  []int
}

// Signing says who signs what is written, and whether signatures it has already are kept.
type Signing struct {
	Remove bool // leave the signatures out that the image has
	// GPG is a key of gpg(1) to make a simple signature with, Sigstore a file of parameters (containers-sigstore-signing-params.yaml(5)), and SigstoreKey
	// a private key of sigstore.
	GPG, Sigstore, SigstoreKey string
	// Passphrase opens the private key; nil: it has none, or the agent of gpg(1) asks.
	Passphrase *string
}

// Any says that a signature is made.
func (s Signing) Any() bool { return s.GPG != "" || s.Sigstore != "" || s.SigstoreKey != "" }

// SignOptions say who signs an image in a registry.
type SignOptions struct {
	Access
	Key       string // of gpg(1)
	All       bool   // of a list, each image too
	Directory string // for the signatures; empty: where registries.d(5) says
}

// Pushed is what is at the destination now.
type Pushed struct {
	Name   string // full name, with transport unless that is docker://
	Digest string // of the manifest, "sha256:…"
	Size   int64  // of the manifest, in bytes
}

// Login is a registry and who logs in there.
type Login struct {
	Registry string // host[:port], or a repository or namespace there
	Username string // empty: whoever is logged in
	Password string
	// DockerFile is a file in docker's format (config.json) in which credentials are kept instead of auth.json.
	DockerFile string
	Access
}

// LoggedIn says who is logged in where, and in what that is kept.
type LoggedIn struct {
	Registry string
	Username string
	File     string // or helper
}
