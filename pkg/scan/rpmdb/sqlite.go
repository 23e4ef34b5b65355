package rpmdb

import (
	"encoding/binary"
	"errors"
	"io"
)

// Kinds of B-tree pages (https://www.sqlite.org/fileformat2.html).
const (
	sqliteInterior = 0x05
	sqliteLeaf     = 0x0d
)

// sqlite reads tables of a SQLite database by walking their trees.
type sqlite struct {
	r      io.ReaderAt
	size   int64
	page   int64
	usable int64
	used   map[uint32]bool // pages that were read
}

// readSQLite gives the blobs of the table Packages (hnum INTEGER PRIMARY KEY, blob BLOB).
func readSQLite(r io.ReaderAt, size int64, first []byte, each func([]byte) error) error {
	if len(first) < 100 {
		return errDamaged
	}
	db := sqlite{r: r, size: size, page: int64(binary.BigEndian.Uint16(first[16:])), used: make(map[uint32]bool)}
	if db.page == 1 {
		db.page = 65536
	}
	db.usable = db.page - int64(first[20])
	if db.page < 512 || db.page&(db.page-1) != 0 || db.usable < 480 {
		return errDamaged
	}
	var root uint32
	err := db.table(1, func(row []byte) error { // the schema: type, name, table, root page, SQL
		columns, err := sqliteColumns(row)
		if err == nil && len(columns) >= 4 && string(columns[0]) == "table" && string(columns[1]) == "Packages" {
			root = uint32(sqliteInt(columns[3]))
		}
		return err
	})
	if err != nil {
		return err
	}
	if root == 0 {
		return errors.New("it has no table Packages")
	}
	return db.table(root, func(row []byte) error {
		columns, err := sqliteColumns(row)
		if err != nil {
			return err
		}
		if len(columns) < 2 {
			return errDamaged
		}
		return each(columns[1])
	})
}

// table calls each with the record of every row of the table whose tree begins at a page.
func (db *sqlite) table(root uint32, each func([]byte) error) error {
	for queue := []uint32{root}; len(queue) > 0; {
		number := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		page, err := db.read(number)
		if err != nil {
			return err
		}
		header := 0
		if number == 1 {
			header = 100
		}
		kind, cells := page[header], int(binary.BigEndian.Uint16(page[header+3:]))
		pointers := header + 8
		if kind == sqliteInterior {
			pointers += 4
			queue = append(queue, binary.BigEndian.Uint32(page[header+8:]))
		}
		if kind != sqliteInterior && kind != sqliteLeaf || pointers+cells*2 > len(page) {
			return errDamaged
		}
		for i := range cells {
			cell := int(binary.BigEndian.Uint16(page[pointers+i*2:]))
			if cell+4 > len(page) {
				return errDamaged
			}
			if kind == sqliteInterior {
				queue = append(queue, binary.BigEndian.Uint32(page[cell:]))
				continue
			}
			row, err := db.payload(page[cell:])
			if err != nil {
				return err
			}
			if err := each(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// read gives a page that was not read before; its usable part.
func (db *sqlite) read(number uint32) ([]byte, error) {
	if number == 0 || db.used[number] {
		return nil, errDamaged
	}
	db.used[number] = true
	page, err := section(db.r, db.size, int64(number-1)*db.page, db.page)
	if err != nil {
		return nil, err
	}
	return page[:db.usable], nil
}

// payload gives the record of a leaf's cell: length, row id, and what of it is on this page, followed by the number of the page with the
// next part.
func (db *sqlite) payload(cell []byte) ([]byte, error) {
	length, n := sqliteVarint(cell)
	_, m := sqliteVarint(cell[n:])
	rest := cell[n+m:]
	if n == 0 || m == 0 || length < 0 || length > maxHeader || length > db.size {
		return nil, errDamaged
	}
	local := length
	if most := db.usable - 35; length > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (length-least)%(db.usable-4); local > most {
			local = least
		}
	}
	if local > int64(len(rest)) {
		return nil, errDamaged
	}
	if local == length {
		return rest[:local], nil
	}
	row := append(make([]byte, 0, length), rest[:local]...)
	if rest = rest[local:]; len(rest) < 4 {
		return nil, errDamaged
	}
	for next := binary.BigEndian.Uint32(rest); int64(len(row)) < length; {
		page, err := db.read(next)
		if err != nil {
			return nil, err
		}
		next = binary.BigEndian.Uint32(page)
		row = append(row, page[4:min(int64(len(page)), 4+length-int64(len(row)))]...)
	}
	return row, nil
}

// sqliteColumns cuts a record into the bytes of its columns. What stands for a value that takes no bytes is empty.
func sqliteColumns(row []byte) ([][]byte, error) {
	size, n := sqliteVarint(row)
	if n == 0 || size < int64(n) || size > int64(len(row)) {
		return nil, errDamaged
	}
	types, data := row[n:size], row[size:]
	var columns [][]byte
	for len(types) > 0 {
		kind, n := sqliteVarint(types)
		if n == 0 || kind < 0 {
			return nil, errDamaged
		}
		types = types[n:]
		var length int64
		switch {
		case kind >= 12:
			length = (kind - 12) / 2
		case kind < 8:
			length = []int64{0, 1, 2, 3, 4, 6, 8, 8}[kind]
		}
		if length > int64(len(data)) {
			return nil, errDamaged
		}
		columns = append(columns, data[:length])
		data = data[length:]
	}
	return columns, nil
}

// sqliteInt reads a column that is a positive number.
func sqliteInt(b []byte) (n uint64) {
	for _, c := range b {
		n = n<<8 | uint64(c)
	}
	return n
}

// sqliteVarint reads a number of one to nine bytes; its length is 0 when it is cut off.
func sqliteVarint(b []byte) (value int64, length int) {
	var v uint64
	for i := range min(len(b), 9) {
		if i == 8 {
			return int64(v<<8 | uint64(b[i])), 9
		}
		v = v<<7 | uint64(b[i]&0x7f)
		if b[i]&0x80 == 0 {
			return int64(v), i + 1
		}
	}
	return 0, 0
}
