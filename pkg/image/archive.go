package image

import (
	"fmt"
	"io"
)

// Format is how an image is saved.
type Format string

const (
	DockerArchive Format = "docker-archive" // one tar file, as docker save writes; the only one for several images
	OCIArchive    Format = "oci-archive"    // one tar file with an OCI layout
	OCIDir        Format = "oci-dir"        // a directory with an OCI layout
	DockerDir     Format = "docker-dir"     // a directory with manifest, configuration and layers as files
)

// ParseFormat reads the words of --format; dir formats go by other names too.
func ParseFormat(s string) (Format, error) {
	switch f := Format(s); f {
	case "":
		return DockerArchive, nil
	case DockerArchive, OCIArchive, OCIDir, DockerDir:
		return f, nil
	}
	return "", fmt.Errorf("format %q: it is one of docker-archive, oci-archive, oci-dir, docker-dir", s)
}

// IsDir reports whether the format is a directory, which cannot be written to standard output.
func (f Format) IsDir() bool { return f == OCIDir || f == DockerDir }

// TakesList reports whether a manifest list is saved whole, with what attests to its images.
func (o SaveOptions) TakesList() bool {
	return o.Platform == Platform{} && (o.Format == OCIArchive || o.Format == OCIDir)
}

// SaveOptions say how images are saved.
type SaveOptions struct {
	Format Format
	// Output is a path; empty writes an archive to Out. A file appears there when it is complete; until then what was there stays.
	Output string
	Out    io.Writer `json:"-"`
	// Platform chooses among the images of a list. Without it an OCI format takes the whole list, and another the image for this machine.
	Platform Platform
	// Multi saves each name's image. Without it there is one image, and further names are further tags for it in the archive.
	Multi bool
	// Compress compresses the layers of docker-dir; Uncompressed leaves those of OCI formats as they are in the store.
	Compress, Uncompressed bool

	Progress io.Writer `json:"-"`
	Terminal bool
}

// Loaded is an image that Load brought in.
type Loaded struct {
	Image *Image
	Names []string // full names it was given; none if the archive had none
}
