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
)

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
