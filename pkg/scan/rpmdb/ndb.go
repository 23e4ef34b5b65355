package rpmdb

import (
	"encoding/binary"
	"io"
)

// readNDB reads rpm's own format (lib/backend/ndb/rpmpkg.c): pages of slots that say where in the file, in blocks of 16 bytes, the header
// of a package is.
func readNDB(r io.ReaderAt, size int64, first []byte, each func([]byte) error) error {
	const page, slot, block, headerSize = 4096, 16, 16, 32
	if len(first) < headerSize {
		return errDamaged
	}
	pages := int64(binary.LittleEndian.Uint32(first[12:]))
	if pages > size/page {
		return errDamaged
	}
	var total int64 // blobs do not overlap
	for n := range pages {
		slots, err := section(r, size, n*page, page)
		if err != nil {
			return err
		}
		for at := 0; at < page; at += slot {
			if n == 0 && at < headerSize {
				continue
			}
			s := slots[at:]
			index := binary.LittleEndian.Uint32(s[4:])
			if string(s[:4]) != "Slot" || index == 0 {
				continue
			}
			blob, err := ndbBlob(r, size, index, int64(binary.LittleEndian.Uint32(s[8:]))*block)
			if err != nil {
				return err
			}
			if total += int64(len(blob)); total > size {
				return errDamaged
			}
			if err := each(blob); err != nil {
				return err
			}
		}
	}
	return nil
}

func ndbBlob(r io.ReaderAt, size int64, index uint32, offset int64) ([]byte, error) {
	head, err := section(r, size, offset, 16)
	if err != nil {
		return nil, err
	}
	if string(head[:4]) != "BlbS" || binary.LittleEndian.Uint32(head[4:]) != index {
		return nil, errDamaged
	}
	return section(r, size, offset+16, int64(binary.LittleEndian.Uint32(head[12:])))
}
