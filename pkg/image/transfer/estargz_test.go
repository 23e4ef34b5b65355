package transfer

import (
	"bytes"
	"io"
	"testing"

	"github.com/containerd/stargz-snapshotter/estargz"
	"github.com/google/go-containerregistry/pkg/name"
	nothing "github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

// TestPullEstargz pulls a layer of many gzip members with a table of contents at its end.
func TestPullEstargz(t *testing.T) {
	host := podtest.Registry(t)
	s := newStore(t, insecure(host))
	plain, err := small("one").Image()
	if err != nil {
		t.Fatal(err)
	}
	layers, err := plain.Layers()
	if err != nil {
		t.Fatal(err)
	}
	stream, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	files, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	blob, err := estargz.Build(io.NewSectionReader(bytes.NewReader(files), 0, int64(len(files))), estargz.WithChunkSize(100))
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	packed, err := io.ReadAll(blob)
	if err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(packed)), nil })
	if err != nil {
		t.Fatal(err)
	}
	config, err := plain.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config.RootFS.DiffIDs, config.History = nil, nil
	img, err := mutate.ConfigFile(nothing.Image, config)
	if err == nil {
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, Annotations: map[string]string{estargz.TOCJSONDigestAnnotation: blob.TOCDigest().String()}})
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(host + "/estargz:1")
	if err == nil {
		err = remote.Write(ref, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := pull(t, s, host+"/estargz:1", image.PullOptions{})
	if text := content(t, s, got, "etc/hello"); text != "one" {
		t.Errorf("etc/hello has %q", text)
	}
}
