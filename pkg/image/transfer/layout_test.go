package transfer

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

// TestBlobIsWhatWasAskedFor gets a blob, and not one that claims to be larger than the limit or is another than it claims.
func TestBlobIsWhatWasAskedFor(t *testing.T) {
	c := &counted{}
	host := podtest.Registry(t, c.wrap)
	s := newStore(t, insecure(host))
	spec := small("one")
	push(t, spec, host+"/app:1")
	c.hold("")
	img, err := spec.Image()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	size, err := layers[0].Size()
	if err != nil {
		t.Fatal(err)
	}
	blob := digest.Digest(layersOf(t, spec)[0])
	for _, tt := range []struct {
		size, limit int64
		wrong       string // "": none
	}{
		{size, 0, ""},
		{size, size, ""},
		{size, size - 1, "more than"},
		{1 << 40, 1 << 30, "more than"},
		{size + 1, 0, "the registry gives"},
		{size - 1, 0, "the registry gives"},
	} {
		path := filepath.Join(t.TempDir(), "blob")
		transfer := Transfer{Limits: &layertar.Limits{Bytes: tt.limit}}
		err := transfer.Blob(t.Context(), s, host+"/app:1", specs.Descriptor{Digest: blob, Size: tt.size}, path, image.Access{})
		switch info, _ := os.Stat(path); {
		case tt.wrong == "" && (err != nil || info == nil || info.Size() != size):
			t.Errorf("%d bytes within %d: %v", tt.size, tt.limit, err)
		case tt.wrong != "" && (err == nil || !strings.Contains(err.Error(), tt.wrong)):
			t.Errorf("%d bytes within %d: %v, want %q", tt.size, tt.limit, err, tt.wrong)
		}
	}
	if n := c.asked[blob.String()]; n != 4 {
		t.Errorf("the registry was asked for the blob %d times, want 4: not for one beyond the limit", n)
	}
}
