// Package rpmdb reads the database of rpm in each form that rpm has had: Berkeley DB (until Fedora 32 and RHEL 8), ndb (SUSE) and SQLite.
// It reads what rpm writes and nothing else: a scan of the one table with the packages' headers, read-only, through an io.ReaderAt.
//
// The database of an image is hostile: each length is checked against the file, and nothing is visited twice.
package rpmdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Package is what is read of a header. Epoch is zero when there is none; so are the others.
type Package struct {
	Name, Version, Release string
	Epoch                  uint32
	Arch, License, Vendor  string
	SourceRPM              string // file name of the source package
}

// Limits of what is read.
const (
	maxHeader   = 64 << 20 // bytes of one header; the largest known, with a million files, is below
	maxPackages = 100_000
)

var errDamaged = errors.New("it is damaged")

// Read gives the packages in a database of this size, in the order of the database. What was read before an error is given with it.
func Read(r io.ReaderAt, size int64) ([]Package, error) {
	first := make([]byte, 512)
	n, err := r.ReadAt(first, 0)
	if first = first[:n]; err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var packages []Package
	each := func(blob []byte) error {
		p, err := parseHeader(blob)
		if err != nil {
			return err
		}
		if len(packages) == maxPackages {
			return fmt.Errorf("it has more than %d packages", maxPackages)
		}
		if p.Name != "gpg-pubkey" { // a key that was imported, not a package
			packages = append(packages, p)
		}
		return nil
	}
	switch {
	case bytes.HasPrefix(first, []byte("SQLite format 3\x00")):
		err = readSQLite(r, size, first, each)
	case bytes.HasPrefix(first, []byte("RpmP")):
		err = readNDB(r, size, first, each)
	case len(first) >= 72 && isBDB(first):
		err = readBDB(r, size, first, each)
	default:
		return nil, errors.New("it is none of the kinds of database that rpm has had")
	}
	return packages, err
}

// Tags of a header (rpmtag.h) that are read.
const (
	tagName      = 1000
	tagVersion   = 1001
	tagRelease   = 1002
	tagEpoch     = 1003
	tagVendor    = 1011
	tagLicense   = 1014
	tagArch      = 1022
	tagSourceRPM = 1044
)

// parseHeader reads a header as it is in the database: number of index entries, length of the store, entries of 16 bytes, store; all big
// endian.
func parseHeader(b []byte) (Package, error) {
	var p Package
	if len(b) < 8 {
		return p, errDamaged
	}
	entries, store := int64(binary.BigEndian.Uint32(b)), int64(binary.BigEndian.Uint32(b[4:]))
	if entries == 0 || entries > int64(len(b))/16 || 8+entries*16+store > int64(len(b)) {
		return p, errDamaged
	}
	data := b[8+entries*16:][:store]
	texts := map[uint32]*string{
		tagName: &p.Name, tagVersion: &p.Version, tagRelease: &p.Release, tagVendor: &p.Vendor,
		tagLicense: &p.License, tagArch: &p.Arch, tagSourceRPM: &p.SourceRPM,
	}
	for i := range entries {
		e := b[8+i*16:]
		tag, kind, offset := binary.BigEndian.Uint32(e), binary.BigEndian.Uint32(e[4:]), int64(binary.BigEndian.Uint32(e[8:]))
		if offset > store {
			return p, errDamaged
		}
		switch text := texts[tag]; {
		case text != nil && (kind == 6 || kind == 8 || kind == 9) && *text == "": // string, array, translated: the first
			value, _, whole := bytes.Cut(data[offset:], []byte{0})
			if !whole {
				return p, errDamaged
			}
			*text = string(value)
		case tag == tagEpoch && kind == 4 && offset+4 <= store:
			p.Epoch = binary.BigEndian.Uint32(data[offset:])
		}
	}
	if p.Name == "" || p.Version == "" {
		return p, errDamaged
	}
	return p, nil
}

// section reads n bytes at an offset; what does not lie in the file is damage.
func section(r io.ReaderAt, size, offset, n int64) ([]byte, error) {
	if offset < 0 || n < 0 || n > maxHeader || offset > size-n {
		return nil, errDamaged
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}
