package files

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pod-engine/pod/internal/atomicfile"
	"golang.org/x/sys/unix"
)

// statCache knows the digests of a context's files by what stat(2) says of them, so that a context which has not changed is
// not read again. A nil one knows nothing.
type statCache struct {
	path string

	mu    sync.Mutex
	files map[string]statEntry
	dirty bool
}

type statEntry struct {
	ino, size    uint64
	mtime, ctime int64 // nanoseconds
	sum          [32]byte
	attributed   bool
}

// statMagic begins the file; it changes with the format.
const statMagic = "pod-stat-2\n"

// settled is how old a change must be to be told from a later one: the kernel's clock for files ticks no slower.
const settled = 20 * time.Millisecond

func openStats(path string) *statCache {
	c := &statCache{path: path, files: map[string]statEntry{}}
	if data, err := os.ReadFile(path); err == nil {
		c.decode(data)
	}
	return c
}

func (c *statCache) get(name string, st unix.Stat_t) (known statEntry, ok bool) {
	if c == nil {
		return known, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok = c.files[name]
	return known, ok && known == entryOf(entry{stat: st, sum: known.sum, attributed: known.attributed})
}

func (c *statCache) put(name string, e entry) {
	if c == nil || time.Since(time.Unix(e.stat.Ctim.Unix())) < settled {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files[name] = entryOf(e)
	c.dirty = true
}

func entryOf(e entry) statEntry {
	return statEntry{e.stat.Ino, uint64(e.stat.Size), e.stat.Mtim.Nano(), e.stat.Ctim.Nano(), e.sum, e.attributed}
}

// save writes the cache. It is an economy only: no error is worth a word.
func (c *statCache) save() {
	if c == nil || !c.dirty {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty = false
	data := []byte(statMagic)
	for name, e := range c.files {
		data = binary.AppendUvarint(data, uint64(len(name)))
		data = append(data, name...)
		data = binary.LittleEndian.AppendUint64(data, e.ino)
		data = binary.LittleEndian.AppendUint64(data, e.size)
		data = binary.LittleEndian.AppendUint64(data, uint64(e.mtime))
		data = binary.LittleEndian.AppendUint64(data, uint64(e.ctime))
		data = append(data, e.sum[:]...)
		if e.attributed {
			data = append(data, 1)
		} else {
			data = append(data, 0)
		}
	}
	err := atomicfile.WriteVolatile(c.path, data)
	if errors.Is(err, os.ErrNotExist) && os.MkdirAll(filepath.Dir(c.path), 0o700) == nil {
		atomicfile.WriteVolatile(c.path, data)
	}
}

// decode reads what save wrote, as far as it is whole.
func (c *statCache) decode(data []byte) {
	if len(data) < len(statMagic) || string(data[:len(statMagic)]) != statMagic {
		return
	}
	const fixed = 4*8 + 32 + 1
	for data = data[len(statMagic):]; len(data) > 0; {
		length, n := binary.Uvarint(data)
		if n <= 0 || length > unix.PathMax || uint64(len(data)) < uint64(n)+length+fixed {
			return
		}
		name := string(data[n : n+int(length)])
		data = data[n+int(length):]
		e := statEntry{
			ino: binary.LittleEndian.Uint64(data), size: binary.LittleEndian.Uint64(data[8:]),
			mtime: int64(binary.LittleEndian.Uint64(data[16:])), ctime: int64(binary.LittleEndian.Uint64(data[24:])),
		}
		copy(e.sum[:], data[32:])
		e.attributed = data[fixed-1] != 0
		c.files[name] = e
		data = data[fixed:]
	}
}
