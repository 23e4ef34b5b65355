package transfer

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/docker/reference"
)

// TestGrammarAgrees compares image.ParseName with the library's regular expressions over names put together at random
// from the pieces that matter to them. Short names are compared by what they become below a registry.
func TestGrammarAgrees(t *testing.T) {
	pieces := []string{
		"a", "b1", "A", ".", "..", "_", "__", "___", "-", "--", "/", ":", "@", "localhost", "docker.io", "x.y", "[::1]", ":80", ":latest",
		"sha256:" + strings.Repeat("0", 64), "@sha256:" + strings.Repeat("f", 64), " ", "é", "library/", strings.Repeat("z", 120),
	}
	r := rand.New(rand.NewPCG(1, 2))
	valid := 0
	for range 200_000 {
		var b strings.Builder
		for range 1 + r.IntN(6) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		s := b.String()
		n, err := image.ParseName(s)
		if err == nil && n.Short() {
			n, err = n.In("docker.io")
			s = "docker.io/" + s
		}
		want, wantErr := reference.ParseNormalizedNamed(s)
		if wantErr == nil && reference.Domain(want) == "" {
			continue // "x.y__z/a": the library takes what cannot be a registry for a part of the path, and then has none
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: ParseName says %v, the library %v", s, err, wantErr)
		}
		if err != nil {
			continue
		}
		valid++
		if n.String() != want.String() {
			t.Fatalf("%q: ParseName gives %q, the library %q", s, n, want)
		}
	}
	if valid < 5_000 {
		t.Fatalf("only %d of the names were valid; the comparison says little", valid)
	}
}
