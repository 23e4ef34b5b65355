package rpmdb

import (
	"encoding/binary"
	"io"
)

// Kinds of pages and of items on them (db_page.h of Berkeley DB).
const (
	bdbHashMagic = 0x061561

	bdbHashUnsorted = 2
	bdbOverflow     = 7
	bdbHashMeta     = 8
	bdbHash         = 13

	bdbItemHere     = 1
	bdbItemOverflow = 3

	bdbPageHeader = 26
)

func isBDB(first []byte) bool {
	_, ok := bdbOrder(first)
	return ok
}

// bdbOrder is the order of bytes of the machine that wrote the database.
func bdbOrder(first []byte) (binary.ByteOrder, bool) {
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if order.Uint32(first[12:]) == bdbHashMagic && first[25] == bdbHashMeta {
			return order, true
		}
	}
	return nil, false
}

// bdb is a hash database of Berkeley DB.
type bdb struct {
	r     io.ReaderAt
	size  int64
	page  int64
	order binary.ByteOrder
	used  map[uint32]bool // overflow pages that were read
}

// readBDB gives the values on all hash pages. Values of packages are nearly always on overflow pages.
func readBDB(r io.ReaderAt, size int64, first []byte, each func([]byte) error) error {
	order, _ := bdbOrder(first)
	db := bdb{r: r, size: size, page: int64(order.Uint32(first[20:])), order: order, used: make(map[uint32]bool)}
	if db.page < 512 || db.page > 65536 || db.page&(db.page-1) != 0 || first[24] != 0 { // 24: encrypted
		return errDamaged
	}
	last := min(int64(order.Uint32(first[32:])), size/db.page-1)
	for n := int64(1); n <= last; n++ {
		page, err := section(r, size, n*db.page, db.page)
		if err != nil {
			return err
		}
		if kind := page[25]; kind != bdbHash && kind != bdbHashUnsorted {
			continue
		}
		if err := db.values(page, each); err != nil {
			return err
		}
	}
	return nil
}

// values calls each for the values of a hash page: items are keys and values by turns, each at an offset that the page begins with.
func (db *bdb) values(page []byte, each func([]byte) error) error {
	items := int(db.order.Uint16(page[20:]))
	if bdbPageHeader+items*2 > len(page) {
		return errDamaged
	}
	at := func(i int) int { return int(db.order.Uint16(page[bdbPageHeader+i*2:])) }
	for i := 1; i < items; i += 2 {
		start, end := at(i), at(i-1)
		if start >= len(page) {
			return errDamaged
		}
		var value []byte
		switch page[start] {
		case bdbItemHere:
			if end < start+1 || end > len(page) {
				return errDamaged
			}
			value = page[start+1 : end]
		case bdbItemOverflow:
			if start+12 > len(page) {
				return errDamaged
			}
			var err error
			if value, err = db.overflow(db.order.Uint32(page[start+4:]), int64(db.order.Uint32(page[start+8:]))); err != nil {
				return err
			}
		}
		if len(value) <= 4 {
			continue // under the key 0 is the number for the next package
		}
		if err := each(value); err != nil {
			return err
		}
	}
	return nil
}

// overflow puts a value together that is spread over pages.
func (db *bdb) overflow(number uint32, length int64) ([]byte, error) {
	if length > maxHeader || length > db.size {
		return nil, errDamaged
	}
	value := make([]byte, 0, length)
	for number != 0 && int64(len(value)) < length {
		if db.used[number] {
			return nil, errDamaged
		}
		db.used[number] = true
		page, err := section(db.r, db.size, int64(number)*db.page, db.page)
		if err != nil {
			return nil, err
		}
		n := bdbPageHeader + int(db.order.Uint16(page[22:]))
		if page[25] != bdbOverflow || n > len(page) {
			return nil, errDamaged
		}
		value = append(value, page[bdbPageHeader:n]...)
		number = db.order.Uint32(page[16:])
	}
	if int64(len(value)) != length {
		return nil, errDamaged
	}
	return value, nil
}
