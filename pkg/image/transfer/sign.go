package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/cli/sigstore"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/signature/signer"
)

// signing are the signers of one push that the library knows.
type signing struct{ signers []*signer.Signer }

// signers opens the keys of sigstore. Simple signatures are made after the copy, see signSimply.
func signers(how *copy.Options, s image.Signing) (signing, error) {
	how.RemoveSignatures = s.Remove
	passphrase := ""
	if s.Passphrase != nil {
		passphrase = *s.Passphrase
	}
	if s.SigstoreKey != "" {
		how.SignBySigstorePrivateKeyFile, how.SignSigstorePrivateKeyPassphrase = s.SigstoreKey, []byte(passphrase)
	}
	if s.Sigstore == "" {
		return signing{}, nil
	}
	one, err := sigstore.NewSignerFromParameterFile(s.Sigstore, &sigstore.Options{
		PrivateKeyPassphrasePrompt: func(string) (string, error) { return passphrase, nil },
		Stdin:                      os.Stdin, Stdout: os.Stderr,
	})
	if err != nil {
		return signing{}, fmt.Errorf("prepare to sign: %w", err)
	}
	how.Signers = append(how.Signers, one)
	return signing{[]*signer.Signer{one}}, nil
}

func (s signing) end() error {
	var errs []error
	for _, one := range s.signers {
		errs = append(errs, one.Close())
	}
	return errors.Join(errs...)
}

// signSimply puts a simple signature (containers-signature(5)) beside what was written to a registry, into the lookaside
// storage that registries.d(5) names. The library is built without gpgme, which is C, and cannot sign by itself.
//
// Of a list whose images were copied too, each of them is signed: whoever pulls one asks for its signature, and not for that of the list.
func (j *job) signSimply(ctx context.Context, ref imageRef, written []byte, how copy.Options, s image.Signing) error {
	if s.GPG == "" {
		return nil
	}
	j.tell.line("Signing %s as %s...", fullName(ref), s.GPG)
	all := [][]byte{written}
	if how.ImageListSelection == copy.CopyAllImages {
		var err error
		if all, err = j.manifests(ctx, ref, true); err != nil {
			return err
		}
	}
	for _, text := range all {
		if err := j.keepSignature(ctx, ref, text, gpg{ctx, s.Passphrase}, s.GPG); err != nil {
			return err
		}
	}
	return nil
}

// keepSignature signs a manifest and adds the signature to those that it has.
func (j *job) keepSignature(ctx context.Context, ref imageRef, text []byte, g gpg, key string) (err error) {
	made, digest, err := sign(ref, text, g, key)
	if err != nil {
		return err
	}
	ctx, cancel := j.attend(ctx)
	defer cancel()
	defer func() { err = attended(ctx, err) }()
	src, err := j.openSource(ctx, ref)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	others, err := src.GetSignatures(ctx, &digest)
	if err != nil {
		return err
	}
	sys, err := j.sysFor(ref)
	if err != nil {
		return err
	}
	dst, err := ref.NewImageDestination(ctx, sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	return dst.PutSignatures(ctx, append(others, made), &digest)
}

func sign(ref imageRef, text []byte, g gpg, key string) ([]byte, digest.Digest, error) {
	sum, err := manifest.Digest(text)
	if err != nil {
		return nil, "", err
	}
	made, err := signature.SignDockerManifest(text, reference.TagNameOnly(ref.DockerReference()).String(), g, key)
	return made, sum, err
}

// Sign makes a simple signature for an image as it is in its registry, and says what was signed.
func (t Transfer) Sign(ctx context.Context, s *image.Store, name string, opts image.SignOptions) (_ []image.Pushed, err error) {
	j, err := t.begin(s, opts.Access, image.Platform{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, j.end()) }()
	ref, err := j.remote(name)
	if err != nil {
		return nil, err
	}
	if ref.Transport() != docker.Transport {
		return nil, fmt.Errorf("sign %q: a simple signature has a place beside a registry only", name)
	}
	manifests, err := j.manifests(ctx, ref, opts.All)
	if err != nil {
		return nil, explainRef("sign", ref, err)
	}
	var done []image.Pushed
	for _, text := range manifests {
		sum, err := j.signOne(ctx, ref, text, opts)
		if err != nil {
			return done, fmt.Errorf("sign %q: %w", name, err)
		}
		done = append(done, image.Pushed{Name: fullName(ref), Digest: sum.String(), Size: int64(len(text))})
	}
	return done, nil
}

// manifests gives that of an image; of a list, with all, those of its images too.
func (j *job) manifests(ctx context.Context, ref imageRef, all bool) (_ [][]byte, err error) {
	ctx, cancel := j.attend(ctx)
	defer cancel()
	defer func() { err = attended(ctx, err) }()
	src, err := j.openSource(ctx, ref)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	text, kind, err := src.GetManifest(ctx, nil)
	if err != nil {
		return nil, err
	}
	found := [][]byte{text}
	if !all || !manifest.MIMETypeIsMultiImage(kind) {
		return found, nil
	}
	list, err := manifest.ListFromBlob(text, kind)
	if err != nil {
		return nil, err
	}
	for _, d := range list.Instances() {
		if text, _, err = src.GetManifest(ctx, &d); err != nil {
			return nil, err
		}
		found = append(found, text)
	}
	return found, nil
}

// signOne signs one manifest: into the directory, laid out as lookaside storage is, or where registries.d says.
func (j *job) signOne(ctx context.Context, ref imageRef, text []byte, opts image.SignOptions) (digest.Digest, error) {
	g := gpg{ctx: ctx}
	if opts.Directory == "" {
		sum, err := manifest.Digest(text)
		if err != nil {
			return "", err
		}
		return sum, j.keepSignature(ctx, ref, text, g, opts.Key)
	}
	made, sum, err := sign(ref, text, g, opts.Key)
	if err != nil {
		return "", err
	}
	dir := filepath.Join(opts.Directory, fmt.Sprintf("%s@%s=%s", reference.Path(ref.DockerReference()), sum.Algorithm(), sum.Encoded()))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("signature-%d", n)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, os.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(made)
		return sum, errors.Join(err, f.Close())
	}
}
