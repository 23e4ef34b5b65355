package transfer

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLevelArchive writes the same archive as two users would, and levels it.
func TestLevelArchive(t *testing.T) {
	var levelled [][]byte
	for i, header := range []tar.Header{
		{Mode: 0o644, Uid: 1000, Gid: 1000, Uname: "a", Gname: "a", ModTime: time.Unix(1700000000, 0)},
		{Mode: 0o600, Uid: 1 << 20, Gid: 1 << 20, Uname: "someone", Gname: "else", ModTime: time.Unix(1600000000, 0)},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, name := range []string{"blobs/", "blobs/" + strings.Repeat("0", 64), "index.json"} {
			h := header
			h.Name, h.Typeflag = name, tar.TypeReg
			if strings.HasSuffix(name, "/") {
				h.Typeflag, h.Mode = tar.TypeDir, h.Mode|0o100
			} else {
				h.Size = int64(len(name))
			}
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				if _, err := w.Write([]byte(name)); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "a.tar")
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := levelArchive(file); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		levelled = append(levelled, text)
	}
	if !bytes.Equal(levelled[0], levelled[1]) {
		t.Error("the archives differ")
	}
	r := tar.NewReader(bytes.NewReader(levelled[0]))
	for _, want := range []int64{0o755, 0o644, 0o644} {
		h, err := r.Next()
		if err != nil || h.Mode != want || h.Uid != 0 || h.Uname != "" || h.ModTime.Unix() != 0 {
			t.Errorf("%+v, %v, want the mode %o", h, err, want)
		}
	}
	notTar := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(notTar, bytes.Repeat([]byte("x"), 1024), 0o600); err != nil {
		t.Fatal(err)
	}
	if levelArchive(notTar) == nil {
		t.Error("what is no archive was taken for one")
	}
}
