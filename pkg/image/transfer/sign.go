package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
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
func (j *job) signSimply(ctx context.Context, ref imageRef, written []byte, s image.Signing) (err error) {
	if s.GPG == "" {
		return nil
	}
	made, err := signature.SignDockerManifest(written, reference.TagNameOnly(ref.DockerReference()).String(), gpg{ctx, s.Passphrase}, s.GPG)
	if err != nil {
		return err
	}
	digest, err := manifest.Digest(written)
	if err != nil {
		return err
	}
	src, err := ref.NewImageSource(ctx, j.sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	others, err := src.GetSignatures(ctx, &digest)
	if err != nil {
		return err
	}
	dst, err := ref.NewImageDestination(ctx, j.sys)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dst.Close()) }()
	j.tell.line("Signing %s as %s...", fullName(ref), s.GPG)
	return dst.PutSignatures(ctx, append(others, made), &digest)
}

// gpg signs through the program gpg(1) with the user's own keys.
type gpg struct {
	ctx        context.Context
	passphrase *string
}

func (gpg) Close() error { return nil }

func (gpg) SupportsSigning() error {
	if _, err := exec.LookPath("gpg"); err != nil {
		return hint.Wrap(errors.New("simple signatures are made by the program gpg, which is not installed"),
			"install gnupg, or sign with --sign-by-sigstore-private-key")
	}
	return nil
}

// Sign makes a signature with the text inside, as gpg --sign does.
func (g gpg) Sign(text []byte, key string) ([]byte, error) {
	if err := g.SupportsSigning(); err != nil {
		return nil, err
	}
	args := []string{"--batch", "--no-tty", "--local-user", key, "--sign", "--output", "-"}
	cmd := exec.CommandContext(g.ctx, "gpg", args...)
	if g.passphrase != nil {
		// On a pipe, where no other process can read it.
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		defer r.Close()
		go func() {
			defer w.Close()
			_, _ = io.WriteString(w, *g.passphrase+"\n") // gpg says what it misses
		}()
		cmd = exec.CommandContext(g.ctx, "gpg", append([]string{"--pinentry-mode", "loopback", "--passphrase-fd", "3"}, args...)...)
		cmd.ExtraFiles = []*os.File{r}
	}
	var out, messages bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(text), &out, &messages
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("sign with the key %q: %s: %w: %s", key, strings.Join(cmd.Args, " "), err, strings.TrimSpace(messages.String()))
	}
	return out.Bytes(), nil
}

// Verify and UntrustedSignatureContents are the library's own to do.
func (gpg) Verify([]byte) ([]byte, string, error) {
	return nil, "", errors.New("gpg is asked for signatures only")
}

func (gpg) UntrustedSignatureContents([]byte) ([]byte, string, error) {
	return nil, "", errors.New("gpg is asked for signatures only")
}
