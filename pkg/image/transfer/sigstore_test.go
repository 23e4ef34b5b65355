package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/signature/sigstore"
)

// TestSigstore signs while pushing, and demands the signature when pulling.
func TestSigstore(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	config := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "containers")
	keys, err := sigstore.GenerateKeyPair([]byte("s3cret"))
	if err != nil {
		t.Fatal(err)
	}
	private, public := filepath.Join(config, "key"), filepath.Join(config, "key.pub")
	for path, text := range map[string]string{
		private: string(keys.PrivateKey),
		public:  string(keys.PublicKey),
		filepath.Join(config, "registries.d/a.yaml"): "docker:\n  " + host + ":\n    use-sigstore-attachments: true\n",
		filepath.Join(config, "policy.json"):         `{"default":[{"type":"insecureAcceptAnything"}],"transports":{"docker":{"` + host + `":[{"type":"sigstoreSigned","keyPath":"` + public + `","signedIdentity":{"type":"matchRepository"}}]}}}`,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// What is not below the scope that demands a signature is accepted.
	other := podtest.Registry(t)
	push(t, small("one"), other+"/app:1")
	verify := false
	easy := image.Access{TLSVerify: &verify}
	img := pull(t, s, other+"/app:1", image.PullOptions{Access: easy})
	passphrase := "s3cret"
	for tag, c := range map[string]struct {
		signing image.Signing
		want    string
	}{
		"unsigned": {image.Signing{Remove: true}, "the signature policy refuses it"},
		"signed":   {image.Signing{Remove: true, SigstoreKey: private, Passphrase: &passphrase}, ""},
	} {
		ref := host + "/app" + tag + ":1"
		if _, err := (Transfer{}).Push(t.Context(), s, img.ID, ref, image.PushOptions{Signing: c.signing}); err != nil {
			t.Fatalf("push %s: %v", tag, err)
		}
		_, err := Transfer{}.Pull(t.Context(), s, ref, image.PullOptions{})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("pull %s: %v, want %q", tag, err, c.want)
		}
	}
	if _, err := (Transfer{}).Push(t.Context(), s, img.ID, host+"/app:2", image.PushOptions{Signing: image.Signing{SigstoreKey: private}}); err == nil {
		t.Error("the private key was opened without its passphrase")
	}
}
