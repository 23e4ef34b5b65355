package layertar

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func layer(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range headers {
		body := strings.Repeat("x", int(h.Size))
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return out.Bytes()
}

func packedBy(t *testing.T, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b)
	w.Close()
	return out.Bytes()
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func TestOpen(t *testing.T) {
	good := layer(t, tar.Header{Name: "a", Size: 700_000, Mode: 0o644})
	failed := errors.New("the network is down")
	for _, c := range []struct {
		name   string
		r      io.Reader
		digest string
		limits Limits
		want   string
	}{
		{"plain", bytes.NewReader(good), digest(good), Default(), ""},
		{"packed", bytes.NewReader(packedBy(t, good)), digest(good), Default(), ""},
		{"no digest wanted", bytes.NewReader(good), "", Limits{}, ""},
		{"another digest", bytes.NewReader(good), digest(nil), Default(), "has the digest"},
		{"digest of the packed layer", bytes.NewReader(packedBy(t, good)), digest(packedBy(t, good)), Default(), "the digest"},
		{"too large", bytes.NewReader(packedBy(t, good)), digest(good), Limits{Bytes: 700_000}, "unpacks to more than 700000 bytes"},
		{"just not too large", bytes.NewReader(packedBy(t, good)), digest(good), Limits{Bytes: int64(len(good))}, ""},
		{"cut", bytes.NewReader(packedBy(t, good)[:500]), digest(good), Default(), "unpack the layer"},
		{"broken connection", io.MultiReader(bytes.NewReader(good[:9999]), iotest.ErrReader(failed)), digest(good), Default(), failed.Error()},
		{"twice packed", bytes.NewReader(packedBy(t, packedBy(t, good))), "", Default(), "compressed twice"},
	} {
		l := Open(context.Background(), c.r, c.digest, NewBudget(c.limits))
		got, err := io.ReadAll(l)
		switch {
		case c.want == "" && (err != nil || !bytes.Equal(got, good) || l.Found.Digest() != digest(good)):
			t.Errorf("%s: %d bytes, %s, %v", c.name, len(got), l.Found.Digest(), err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(c.want, "has "))):
			t.Errorf("%s: error %v, want %q", c.name, err, c.want)
		case c.want != "" && !errors.Is(l.Err(), err):
			t.Errorf("%s: Err is %v, want %v", c.name, l.Err(), err)
		}
		l.Close()
	}
}

// A consumer must not see the header of what is refused: what it does with it may not be undone.
func TestConsumerIsBehindTheScan(t *testing.T) {
	bad := layer(t, tar.Header{Name: "first", Mode: 0o644}, tar.Header{Name: "../evil", Mode: 0o644, Size: 3})
	l := Open(context.Background(), bytes.NewReader(bad), "", NewBudget(Default()))
	defer l.Close()
	got, err := io.ReadAll(l)
	if err == nil || bytes.Contains(got, []byte("evil")) {
		t.Errorf("the consumer got %d bytes, %v", len(got), err)
	}
}

func TestTwoLayersShareABudget(t *testing.T) {
	b := NewBudget(Limits{Bytes: 1_000_000})
	for i, want := range []bool{true, false} {
		l := Open(context.Background(), bytes.NewReader(layer(t, tar.Header{Name: "a", Size: 700_000, Mode: 0o644})), "", b)
		_, err := io.Copy(io.Discard, l)
		if (err == nil) != want {
			t.Errorf("layer %d: %v", i+1, err)
		}
		l.Close()
	}
}

func TestAnEndedContextEndsReading(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	defer w.Close()
	l := Open(ctx, r, "", NewBudget(Default()))
	defer l.Close()
	cancel()
	if _, err := io.Copy(io.Discard, l); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}
