package files

import (
	"errors"
	"os"
	"strings"

	"github.com/pod-engine/pod/pkg/container"
	"golang.org/x/sys/unix"
)

// maxAccounts bounds what is read of an image's /etc/passwd and /etc/group (CVE-2024-9676).
const maxAccounts = 16 << 20

// LookupOwner resolves "[user][:[group]]", by name or number, in the files of a step. As docker has it, a user alone by number has the group of the
// same number, a group alone is root's, and root is known without a file.
func LookupOwner(root *os.File, text string) (*Owner, error) {
	name, groupName, _ := strings.Cut(text, ":")
	if name == "" || name == "root" {
		name = "0"
	}
	if groupName == "root" {
		groupName = "0"
	}
	text = strings.TrimSuffix(name+":"+groupName, ":")
	passwd, err := readInRoot(root, "/etc/passwd")
	if err != nil {
		return nil, err
	}
	group, err := readInRoot(root, "/etc/group")
	if err != nil {
		return nil, err
	}
	user, err := container.LookupUser(text, passwd, group)
	if err != nil {
		return nil, err
	}
	o := Owner{int(user.UID), int(user.GID)}
	if groupName == "" && strings.Trim(name, "0123456789") == "" {
		o.GID = o.UID
	}
	return &o, nil
}

// readInRoot reads a file of an image; one that is not there is empty.
func readInRoot(root *os.File, name string) ([]byte, error) {
	f, err := InRoot(root, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadRegular(f, maxAccounts)
}
