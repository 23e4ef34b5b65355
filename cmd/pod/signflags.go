package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/pflag"
)

// signFlags say who signs what is pushed.
type signFlags struct{ passphraseFile string }

func (o *signFlags) add(f *pflag.FlagSet, s *image.Signing) {
	f.BoolVar(&s.Remove, "remove-signatures", false, "leave out the signatures that the image has")
	f.StringVar(&s.GPG, "sign-by", "", "add a simple signature by this `key` of gpg")
	f.StringVar(&s.Sigstore, "sign-by-sigstore", "", "add a sigstore signature as this `file` of parameters says")
	f.StringVar(&s.SigstoreKey, "sign-by-sigstore-private-key", "", "add a sigstore signature by the private key in this `file`")
	f.StringVar(&o.passphraseFile, "sign-passphrase-file", "", "read the passphrase of the private key from this `file`")
}

// complete reads the passphrase: from its file, or for a key of sigstore from the person at the terminal. The agent of gpg asks by
// itself.
func (o *signFlags) complete(f *pflag.FlagSet, a *app, s *image.Signing) error {
	switch {
	case f.Changed("sign-passphrase-file"):
		text, err := readSmallFile(o.passphraseFile)
		if err != nil {
			return fmt.Errorf("read the passphrase: %w", err)
		}
		line, _, _ := strings.Cut(text, "\n")
		s.Passphrase = &line
	case s.SigstoreKey != "" && terminal.IsTerminal(a.In):
		typed, err := a.ask("Passphrase of "+s.SigstoreKey+": ", true)
		if err != nil {
			return err
		}
		s.Passphrase = &typed
	}
	if s.SigstoreKey != "" {
		if _, err := os.Stat(s.SigstoreKey); err != nil {
			return fmt.Errorf("read the private key: %w", err)
		}
	}
	if s.GPG != "" && s.SigstoreKey != "" {
		return usageError{errors.New("--sign-by and --sign-by-sigstore-private-key would share a passphrase: sign with one of them at a time")}
	}
	return nil
}
