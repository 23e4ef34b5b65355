package engine

import (
	"os"
	"path/filepath"

	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/pkg/engine/monitor"
)

func (e *Engine) execsDir(id string) string { return filepath.Join(e.ContainerRunDir(id), "exec") }

// sweepExecs removes the records of sessions whose command died or never waited, once their process is gone.
func (e *Engine) sweepExecs(id string) {
	for _, dir := range e.execDirs(id) {
		lock, err := filelock.Try(filepath.Join(dir, lockFile))
		if err != nil {
			continue
		}
		if !execAlive(dir) {
			os.RemoveAll(dir)
		}
		lock.Release()
	}
}

func (e *Engine) execDirs(id string) []string {
	entries, _ := os.ReadDir(e.execsDir(id))
	var dirs []string
	for _, entry := range entries {
		if isID(entry.Name()) {
			dirs = append(dirs, filepath.Join(e.execsDir(id), entry.Name()))
		}
	}
	return dirs
}

func execAlive(dir string) bool {
	id, err := monitor.ReadProcess(filepath.Join(dir, monitor.ProcessFile))
	return err == nil && id.Alive()
}

// Execs lists the ids of the processes started by Exec that still run.
func (e *Engine) Execs(id string) []string {
	var ids []string
	for _, dir := range e.execDirs(id) {
		if execAlive(dir) {
			ids = append(ids, filepath.Base(dir))
		}
	}
	return ids
}
