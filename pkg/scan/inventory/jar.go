package inventory

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// Limits of archives in archives.
const (
	maxJar       = 1 << 30
	maxInner     = 64 << 20 // bytes of an archive in an archive, which is unpacked into memory
	maxJarDepth  = 2        // archives in archives in the one that is a file
	maxDirectory = 32 << 20 // bytes of an archive's own list of files
)

func isArchive(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".jar", ".war", ".ear", ".hpi":
		return true
	}
	return false
}

func isJar(n *layerfs.Node) bool { return isArchive(n.Path) }

// readJar reads the pom.properties that Maven and Gradle put into archives, also of the archives in an archive.
func readJar(n *layerfs.Node) ([]scan.Package, error) {
	if n.Size > maxJar {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that are read", n.Size, int64(maxJar))
	}
	f, err := n.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	j := jar{budget: 4 * maxInner}
	err = j.read(f, n.Size, 0)
	return j.packages, err
}

type jar struct {
	packages []scan.Package
	budget   int64 // bytes that may still be unpacked
}

func (j *jar) read(r io.ReaderAt, size int64, depth int) error {
	if err := checkDirectory(r, size); err != nil {
		return err
	}
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	for _, f := range archive.File {
		switch {
		case strings.HasPrefix(f.Name, "META-INF/maven/") && strings.HasSuffix(f.Name, "/pom.properties"):
			text, err := j.unpack(f, 1<<16)
			if err != nil {
				return err
			}
			j.add(text)
		case isArchive(f.Name) && depth < maxJarDepth:
			inner, err := j.unpack(f, maxInner)
			if err != nil {
				return err
			}
			if err := j.read(bytes.NewReader(inner), int64(len(inner)), depth+1); err != nil {
				return fmt.Errorf("%s in it: %w", f.Name, err)
			}
		}
		if len(j.packages) > maxFound {
			return fmt.Errorf("it names more than %d packages", maxFound)
		}
	}
	return nil
}

// unpack gives the content of a file of an archive, whatever length it claims.
func (j *jar) unpack(f *zip.File, limit int64) ([]byte, error) {
	limit = min(limit, j.budget)
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s in it unpacks to more than the %d bytes that are read", f.Name, limit)
	}
	j.budget -= int64(len(text))
	return text, err
}

func (j *jar) add(properties []byte) {
	fields := map[string]string{}
	for line := range strings.Lines(string(properties)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			fields[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	p := scan.Package{Type: packageurl.TypeMaven, Namespace: fields["groupId"], Name: fields["artifactId"], Version: fields["version"]}
	if p.Name != "" && p.Version != "" && p.Namespace != "" {
		j.packages = append(j.packages, p)
	}
}

// checkDirectory refuses an archive whose list of files would fill memory: the reader of archive/zip holds all of it, 300 bytes for each of
// 46 in the file.
func checkDirectory(r io.ReaderAt, size int64) error {
	const record = 22 // bytes of the record at the end, which a comment may follow
	tail := make([]byte, min(size, record+65535))
	if _, err := r.ReadAt(tail, size-int64(len(tail))); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	signature := []byte("PK\x05\x06")
	if !bytes.Contains(tail, signature) {
		return zip.ErrFormat
	}
	// Each that could be the record: which one the reader takes depends on the comment.
	for rest := tail; ; {
		_, after, found := bytes.Cut(rest, signature)
		if rest = after; !found {
			return nil
		}
		if len(rest) < record-len(signature) {
			continue
		}
		if n := binary.LittleEndian.Uint32(rest[8:]); n > maxDirectory {
			return fmt.Errorf("its list of files has %d bytes, more than the %d that are read", n, maxDirectory)
		}
	}
}
