package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
)

// keyVersion changes when steps begin to be done in another way, so that older results are not taken any more.
const keyVersion = "4"

// runKey is the key of a RUN over the layer top. Flags are those of all RUNs, contents the digests of the trees that it mounts.
func runKey(top string, run plan.Run, flags *container.Config, contents []string) string {
	run.Proxy = nil // how the network is reached is not what is built
	run.Mounts = slices.Clone(run.Mounts)
	for i, m := range run.Mounts {
		if m.From != nil {
			run.Mounts[i].From = &plan.Source{} // it is in the contents, whatever its number or name
		}
	}
	with := *flags
	with.Resources = container.Resources{ShmSize: flags.Resources.ShmSize} // neither is how fast it is
	return sum("run", keyVersion, top, text(run), text(with), text(contents))
}

// copyKey is the key of a COPY over the layer top; content is the digest of all that it copies.
func copyKey(top string, c plan.Copy, content string) string {
	c.From = plan.Source{} // it is in the content
	return sum("copy", keyVersion, top, text(c), content)
}

func mkdirKey(top string, m plan.Mkdir) string { return sum("mkdir", keyVersion, top, text(m)) }

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of types of this module, which have a form in JSON
	}
	return string(b)
}

// sum is a digest of the parts, whose borders count.
func sum(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		n := len(part)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write([]byte(part))
	}
	return hex.EncodeToString(h.Sum(nil))
}
