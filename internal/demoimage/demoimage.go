// Package demoimage holds the image of "pod demo": one small program, inside the executable itself.
package demoimage

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pod-engine/pod/internal/hint"
)

// Name is the image's name once it is loaded.
const Name = "localhost/pod-hello:latest"

// The archive is made by the build and not kept in the repository; the directory has a file that is, so that
// the package also compiles without.
//
//go:embed archive
var archive embed.FS

// Archive is the image in the format of docker save. It is missing in a program that was built by the go command alone.
func Archive() ([]byte, error) {
	data, err := archive.ReadFile("archive/image.tar")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, hint.Wrap(fmt.Errorf("this pod was built without the demonstration image"), "make build")
	}
	return data, err
}
