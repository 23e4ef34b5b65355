package podtest

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const cgroupRoot = "/sys/fs/cgroup"

// DelegatedCgroup is the topmost cgroup above this process in which its user may make others.
func DelegatedCgroup() (string, error) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	own := ""
	for _, line := range strings.Split(string(b), "\n") {
		if path, ok := strings.CutPrefix(line, "0::"); ok {
			own = path
		}
	}
	found := ""
	for dir := filepath.Join(cgroupRoot, own); strings.HasPrefix(dir, cgroupRoot+"/"); dir = filepath.Dir(dir) {
		if unix.Access(dir, unix.W_OK) != nil {
			break
		}
		found = dir
	}
	if found == "" || exists(filepath.Join(found, "cgroup.procs")) != nil {
		return "", errors.New("no cgroup is delegated to this user")
	}
	return found, nil
}
