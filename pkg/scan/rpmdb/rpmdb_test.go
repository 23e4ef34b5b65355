package rpmdb

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ndb makes a database of the kind ndb with these headers.
func ndb(headers ...[]byte) []byte {
	le := binary.LittleEndian
	db := make([]byte, 4096)
	copy(db, "RpmP")
	le.PutUint32(db[12:], 1) // pages of slots
	slot := 32
	for i, h := range headers {
		copy(db[slot:], "Slot")
		le.PutUint32(db[slot+4:], uint32(i+1))
		le.PutUint32(db[slot+8:], uint32(len(db)/16))
		blob := make([]byte, 16, 16+len(h)+32)
		copy(blob, "BlbS")
		le.PutUint32(blob[4:], uint32(i+1))
		le.PutUint32(blob[12:], uint32(len(h)))
		blob = append(blob, h...)
		blob = append(blob, make([]byte, 16-len(blob)%16)...)
		le.PutUint32(db[slot+12:], uint32(len(blob)/16))
		db = append(db, blob...)
		slot += 16
	}
	return db
}

func databases(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"sqlite": read(t, "rpmdb.sqlite"), "bdb": read(t, "Packages"),
		"ndb": ndb(read(t, "hello-lib.header"), read(t, "hello.header")),
	}
}

func TestRead(t *testing.T) {
	for kind, db := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			got, err := Read(bytes.NewReader(db), int64(len(db)))
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(got, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
			common := Package{Version: "1.4", Release: "3", Epoch: 2, Arch: "noarch", Vendor: "nobody"}
			for i, want := range []Package{{Name: "hello", License: "Apache-2.0"}, {Name: "hello-lib", License: "MIT"}} {
				want.Version, want.Release, want.Epoch, want.Arch, want.Vendor = common.Version, common.Release, common.Epoch, common.Arch, common.Vendor
				want.SourceRPM = "hello-lib-1.4-3.src.rpm"
				if got[i] != want {
					t.Errorf("got %+v\nwant %+v", got[i], want)
				}
			}
			if want := 42; kind != "ndb" && len(got) != want {
				t.Errorf("%d packages, want %d", len(got), want)
			}
			if slices.ContainsFunc(got, func(p Package) bool { return p.Name == "gpg-pubkey" }) {
				t.Error("a key is a package")
			}
		})
	}
}

func TestReadOther(t *testing.T) {
	for _, text := range []string{"", "x", "SQLite format 3\x00", strings.Repeat("\x00", 4096), "RpmP", strings.Repeat("RpmP", 2000)} {
		if got, err := Read(strings.NewReader(text), int64(len(text))); err == nil && !strings.HasPrefix(text, "RpmP") {
			t.Errorf("%.20q gives %v", text, got)
		}
	}
}

// A database that is cut off or altered anywhere ends in packages or an error, soon.
func TestReadDamaged(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for kind, db := range databases(t) {
		t.Run(kind, func(t *testing.T) {
			for n := 0; n < len(db); n += 61 {
				Read(bytes.NewReader(db[:n]), int64(n))
			}
			for range 3000 {
				bad := slices.Clone(db)
				for range 1 + random.IntN(8) {
					at := random.IntN(len(bad))
					if random.IntN(2) == 0 {
						at = random.IntN(512) // where the structure is
					}
					bad[at] = []byte{0, 1, 0x7f, 0x80, 0xff, byte(random.IntN(256))}[random.IntN(6)]
				}
				Read(bytes.NewReader(bad), int64(len(bad)))
			}
		})
	}
}

func FuzzRead(f *testing.F) {
	for _, db := range databases(f) {
		f.Add(db)
	}
	f.Fuzz(func(_ *testing.T, db []byte) { Read(bytes.NewReader(db), int64(len(db))) })
}
