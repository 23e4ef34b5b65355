// Package binary carries pod-monitor inside pod, so that one installed file is enough.
package binary

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
)

//go:embed *
var embedded embed.FS

const name = "pod-monitor"

// Path gives the path of pod-monitor: a file of that name beside the executable or in ../libexec/pod, or the embedded one,
// which is written to dataDir/libexec on first use, under a name with its digest. Monitors that run keep the file
// they were started from when another version of pod writes its own.
func Path(dataDir string) (string, error) {
	if path, ok := installed(); ok {
		return path, nil
	}
	digest, err := embedded.ReadFile(name + ".sha256")
	if err != nil {
		return "", hint.Wrap(errors.New("this pod was built without its monitor"), "make build")
	}
	path := filepath.Join(dataDir, "libexec", name+"-"+strings.TrimSpace(string(digest))[:16])
	if _, err := os.Lstat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("find the monitor: %w", err)
	}
	if err := extract(path); err != nil {
		return "", fmt.Errorf("unpack the monitor: %w", err)
	}
	return path, nil
}

func installed() (string, bool) {
	executable, err := os.Executable()
	if err != nil {
		return "", false
	}
	dir := filepath.Dir(executable)
	for _, path := range []string{filepath.Join(dir, name), filepath.Join(dir, "..", "libexec", "pod", name)} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

// extract writes the program under a temporary name first: whoever sees path sees it whole.
func extract(path string) (err error) {
	program, err := embedded.ReadFile(name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+name+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(program); err != nil {
		return err
	}
	if err = f.Chmod(0o700); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
