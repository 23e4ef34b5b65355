package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// Places in a header of a tar archive (POSIX ustar), in bytes.
const (
	tarBlock    = 512
	tarSize     = 124
	tarChecksum = 148
	tarType     = 156
	tarMagic    = 257
)

// levelArchive makes an OCI archive one that does not tell who wrote it and when: the library puts the time, owner and mode of its temporary files
// into the headers, so that the same image was another file each time. They are changed in their places; blobs may be large.
func levelArchive(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	header := make([]byte, tarBlock)
	for at := int64(0); ; {
		if _, err := f.ReadAt(header, at); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if bytes.Count(header, []byte{0}) == tarBlock {
			return nil // its end
		}
		size, err := levelHeader(header)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if _, err := f.WriteAt(header, at); err != nil {
			return err
		}
		at += tarBlock + (size+tarBlock-1)/tarBlock*tarBlock
	}
}

// levelHeader changes a header and gives the size of what follows it.
func levelHeader(header []byte) (size int64, err error) {
	if string(header[tarMagic:tarMagic+5]) != "ustar" {
		return 0, errors.New("it is not an archive of the form that was written")
	}
	if header[tarSize]&0x80 != 0 { // above 8 GiB: a binary number
		for _, b := range header[tarSize+4 : tarSize+12] {
			size = size<<8 | int64(b)
		}
	} else if _, err := fmt.Sscanf(string(header[tarSize:tarSize+11]), "%o", &size); err != nil {
		return 0, fmt.Errorf("read the size of an entry: %w", err)
	}
	mode := 0o644
	switch header[tarType] {
	case '0', 0:
	case '5':
		mode = 0o755
	default:
		return size, nil // a record about the next entry
	}
	copy(header[100:], fmt.Sprintf("%07o\x00%07o\x00%07o\x00", mode, 0, 0)) // mode, owner, group
	copy(header[136:], fmt.Sprintf("%011o\x00", 0))                         // time
	clear(header[265:329])                                                  // names of owner and group
	copy(header[tarChecksum:], "        ")
	sum := 0
	for _, b := range header {
		sum += int(b)
	}
	copy(header[tarChecksum:], fmt.Sprintf("%06o\x00 ", sum))
	return size, nil
}
