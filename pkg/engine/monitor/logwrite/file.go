package logwrite

import (
	"errors"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// batchSize is when gathered records are written; it is also about the memory of a log.
const batchSize = 16 << 10

// file is a log file that is rotated. Records are gathered and written whole, several in one write(2), so that readers
// and crashes find whole records.
type file struct {
	options Options
	f       *os.File
	size    int64 // of f, without batch
	batch   []byte
	start   int // of the record being made, in batch
	records int // in batch
	dropped int
}

func openFile(o Options) (*file, error) {
	l := &file{options: o}
	if err := l.open(); err != nil {
		return nil, errors.New("open the log: " + err.Error())
	}
	return l, nil
}

func (l *file) open() error {
	f, err := os.OpenFile(l.options.Path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New(strconv.Quote(l.options.Path) + " is not a regular file")
	}
	if err != nil {
		f.Close()
		return err
	}
	// The size counts from what is there: a restarted container must not outgrow its limit.
	l.f, l.size = f, info.Size()
	var last [1]byte
	if _, err := f.ReadAt(last[:], l.size-1); l.size > 0 && err == nil && last[0] != '\n' {
		// A crash tore the last record; the next must not become part of it.
		n, _ := f.WriteString("\n")
		l.size += int64(n)
	}
	return nil
}

// begin gives the buffer to append the next record to, and end takes it back with the record in it.
func (l *file) begin() []byte {
	if l.batch == nil {
		l.batch = make([]byte, 0, batchSize+2*MaxText)
	}
	l.start = len(l.batch)
	return l.batch
}

func (l *file) end(batch []byte) {
	record := batch[l.start:]
	if l.options.MaxSize > 0 && l.size+int64(len(batch)) > l.options.MaxSize && l.size+int64(l.start) > 0 {
		l.batch = batch[:l.start]
		l.flush()
		l.rotate()
		l.batch = append(l.batch[:0], record...)
	} else {
		l.batch = batch
	}
	l.records++
	if len(l.batch) >= batchSize {
		l.flush()
	}
}

func (l *file) flush() {
	if len(l.batch) == 0 {
		return
	}
	if err := l.write(l.batch); err != nil {
		// Said once: a full disk has room for small records now and then, and each would bring another line.
		if l.dropped == 0 {
			l.options.Report("log records are dropped: " + err.Error())
		}
		l.dropped += l.records
	}
	l.batch, l.records = l.batch[:0], 0
	if cap(l.batch) > batchSize+2*MaxText {
		l.batch = nil // one record of escapes made it large
	}
}

// write writes p whole or not at all.
func (l *file) write(p []byte) error {
	if l.f == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	n, err := l.f.Write(p)
	if err != nil {
		if n > 0 {
			// Half a record would spoil the next. Only this monitor writes here, so the end is ours to cut.
			l.f.Truncate(l.size)
		}
		return err
	}
	l.size += int64(n)
	return nil
}

// rotate moves the file out of the way by renaming, so that whoever follows it can read it to its end, and opens a new
// one. A crash between two renames leaves a gap in the numbers, which the next rotation closes.
func (l *file) rotate() {
	if l.f == nil {
		return
	}
	if info, err := l.f.Stat(); err == nil && info.Size() < l.size {
		l.size = info.Size() // somebody else has truncated it
		if l.size == 0 {
			return
		}
	}
	path, last := l.options.Path, max(l.options.MaxFile, 1)-1
	if last == 0 {
		err := os.Rename(path, path+".1")
		if err == nil {
			err = os.Remove(path + ".1")
		}
		l.rotated(err)
		return
	}
	for n := last; n > 1; n-- {
		err := os.Rename(path+"."+strconv.Itoa(n-1), path+"."+strconv.Itoa(n))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			l.options.Report("rotate the log: " + err.Error())
		}
	}
	l.rotated(os.Rename(path, path+".1"))
}

func (l *file) rotated(err error) {
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		// The directory refuses; the bound on the size comes first.
		l.options.Report("rotate the log: " + err.Error() + "; it is truncated instead")
		l.f.Truncate(0)
		l.size = 0
		return
	}
	l.f.Close()
	l.f = nil // write opens the new one, and tries again while that fails
	l.size = 0
}

func (l *file) close() {
	l.flush()
	if l.f != nil {
		l.f.Close()
	}
	if l.dropped > 0 {
		l.options.Report("the log lacks " + strconv.Itoa(l.dropped) + " records")
	}
}
