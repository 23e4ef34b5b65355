package image

import (
	"fmt"
	"regexp"

	"github.com/pod-engine/pod/internal/hint"
)

// Damaged adds to an error of the storage library about an index that it cannot read what a person can do. Other errors stay as they are.
//
// The library refuses all work over one such file. Without it the library begins a new one: layers and images are then not known any more
// and are brought in again when they are pulled.
func Damaged(err error) error {
	if err == nil || hint.Of(err) != "" {
		return err
	}
	found := regexp.MustCompile(`loading "([^"]+/(layers|images|containers)\.json)": `).FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	return hint.Wrap(fmt.Errorf("the index of %s of the image store is damaged: %q cannot be read: %w", found[2], found[1], err),
		fmt.Sprintf("mv %[1]q %[1]q.damaged, and pull again what is missing", found[1]))
}
