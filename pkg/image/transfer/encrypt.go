package transfer

import (
	"fmt"
	"strings"

	"github.com/containers/ocicrypt/config"
	"github.com/containers/ocicrypt/helpers"
	"go.podman.io/image/v5/copy"
)

// encrypt has layers encrypted for the holders of the keys ("jwe:FILE", "pgp:ADDRESS", "pkcs7:CERTIFICATE", "provider:NAME"); all
// layers, unless some are chosen.
func encrypt(how *copy.Options, keys []string, layers []int) error {
	if len(keys) == 0 {
		return nil
	}
	for _, key := range keys {
		if strings.HasPrefix(key, "pkcs11:") {
			return fmt.Errorf("encryption key %q: PKCS #11 modules are shared libraries, which this static program cannot load; use jwe, pgp, pkcs7 or provider", key)
		}
	}
	crypto, err := helpers.CreateCryptoConfig(keys, nil)
	if err != nil {
		return fmt.Errorf("read the encryption keys: %w", err)
	}
	if layers == nil {
		layers = []int{} // nil would encrypt none
	}
	how.OciEncryptConfig, how.OciEncryptLayers = crypto.EncryptConfig, &layers
	return nil
}

// decrypt has encrypted layers opened with the keys ("FILE[:PASSPHRASE]", "provider:NAME"). It is called also when there are none: the
// library takes an encrypted layer for a damaged one unless it may try.
func decrypt(how *copy.Options, keys []string) error {
	how.OciDecryptConfig = &config.DecryptConfig{}
	if len(keys) == 0 {
		return nil
	}
	crypto, err := helpers.CreateCryptoConfig(nil, keys)
	if err != nil {
		return fmt.Errorf("read the decryption keys: %w", err)
	}
	how.OciDecryptConfig = crypto.DecryptConfig
	return nil
}
