// Package carried finds the programs that pod starts and carries inside itself, so that one installed file is enough:
// pod-bake, pod-frontend, pod-monitor, pod-network, pod-scan and pod-transfer. One that is installed beside pod is used; else the one that the build put into pod is
// written, once per version, into the data directory.
package carried

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/hint"
)

// The build leaves each program and its digest, NAME.sha256 (so that nothing is hashed at run time), in files.
//
//go:embed files
var embedded embed.FS

// Path gives the path of the program called name: beside this executable, in ../libexec/pod of it, or in dataDir/libexec, where it is
// written when it is not there yet. Concurrent callers may write at the same time; each sees a whole file.
func Path(ctx context.Context, name, dataDir string) (string, error) {
	if executable, err := os.Executable(); err == nil {
		if path, ok := beside(executable, name); ok {
			return path, nil
		}
	}
	files, err := fs.Sub(embedded, "files")
	if err != nil {
		return "", err
	}
	return extract(ctx, files, name, filepath.Join(dataDir, "libexec"))
}

// beside looks where an installation puts the programs of the pod executable given.
func beside(executable, name string) (string, bool) {
	dir := filepath.Dir(executable)
	for _, path := range []string{filepath.Join(dir, name), filepath.Join(dir, "../libexec/pod", name)} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, true
		}
	}
	return "", false
}

// extract makes sure that the program in files is in dir and gives its path there.
func extract(ctx context.Context, files fs.FS, name, dir string) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	text, err := fs.ReadFile(files, name+".sha256")
	digest := strings.TrimSpace(string(text))
	if err != nil || len(digest) != 64 {
		return "", hint.Wrap(fmt.Errorf("find %s: it is neither beside pod nor part of it", name), "make build")
	}
	info, err := fs.Stat(files, name)
	if err != nil {
		return "", hint.Wrap(fmt.Errorf("find %s: only its digest is part of pod", name), "make build")
	}
	path := filepath.Join(dir, name+"-"+digest[:16])
	if there, err := os.Lstat(path); err == nil && there.Mode() == 0o700 && there.Size() == info.Size() {
		return path, nil
	}
	program, err := fs.ReadFile(files, name)
	if err == nil {
		err = write(path, program)
	}
	if err != nil {
		return "", fmt.Errorf("install %s into %q: %w", name, dir, err)
	}
	return path, nil
}

// write makes the program at path appear whole and executable, also after a power loss: its presence is all that later
// commands look at.
func write(path string, program []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	name, err := writeNew(dir, program)
	if err != nil {
		return err
	}
	defer os.Remove(name)
	if err := os.Rename(name, path); err != nil {
		return err
	}
	return atomicfile.SyncDir(dir)
}

// writeNew writes an executable file under a name of its own. Meanwhile no other goroutine starts a program: between fork and exec that one would have
// the file open for writing too, and starting it would fail with ETXTBSY (go.dev/issue/22315).
func writeNew(dir string, program []byte) (name string, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	f, err := os.CreateTemp(dir, ".unpacking.*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(program)
	if err = errors.Join(err, f.Chmod(0o700), f.Sync(), f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}
