package imagearchive

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"testing"
)

func example() Image {
	return Image{
		Name: "localhost/x:latest", Arch: "amd64",
		Config: Config{Cmd: []string{"/x"}, Volumes: map[string]struct{}{"/data": {}}},
		Files: []File{
			{Name: "bin", Mode: fs.ModeDir | 0o755},
			{Name: "bin/x", Mode: fs.ModeSetuid | 0o755, UID: 3, Data: []byte("program")},
			{Name: "bin/y", Link: "x"},
			{Name: "tmp", Mode: fs.ModeDir | fs.ModeSticky | 0o777},
		},
	}
}

func read(t *testing.T, r io.Reader) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(in); err != nil {
			t.Fatal(err)
		}
	}
}

func TestArchiveHoldsWhatItsManifestNames(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, example()); err != nil {
		t.Fatal(err)
	}
	files := read(t, &b)
	var manifest []manifestEntry
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 1 || manifest[0].RepoTags[0] != "localhost/x:latest" {
		t.Fatalf("manifest: %+v", manifest)
	}
	config := files[manifest[0].Config]
	if want := digest(config) + ".json"; manifest[0].Config != want {
		t.Errorf("configuration is named %s, want %s", manifest[0].Config, want)
	}
	z, err := gzip.NewReader(bytes.NewReader(files[manifest[0].Layers[0]]))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		RootFS struct {
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
	}
	if err := json.Unmarshal(config, &parsed); err != nil {
		t.Fatal(err)
	}
	if got, want := parsed.RootFS.DiffIDs[0], "sha256:"+digest(plain); got != want {
		t.Errorf("diff id %s, want %s", got, want)
	}
}

func TestLayerKeepsModesOwnersAndLinks(t *testing.T) {
	layer, _, err := layerOf(example().Files)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(layer))
	if err != nil {
		t.Fatal(err)
	}
	in := tar.NewReader(z)
	for _, want := range []tar.Header{
		{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: "bin/x", Typeflag: tar.TypeReg, Mode: 0o4755, Uid: 3},
		{Name: "bin/y", Typeflag: tar.TypeSymlink, Mode: 0o777, Linkname: "x"},
		{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777},
	} {
		h, err := in.Next()
		if err != nil {
			t.Fatal(err)
		}
		if h.Name != want.Name || h.Typeflag != want.Typeflag || h.Mode != want.Mode || h.Uid != want.Uid || h.Linkname != want.Linkname {
			t.Errorf("%s: %c %o uid %d -> %q", h.Name, h.Typeflag, h.Mode, h.Uid, h.Linkname)
		}
	}
}

func TestSameFilesGiveSameBytes(t *testing.T) {
	var a, b bytes.Buffer
	if err := errors.Join(Write(&a, example()), Write(&b, example())); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two archives of the same image differ")
	}
}
