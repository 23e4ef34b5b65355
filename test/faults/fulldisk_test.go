package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pod-engine/pod/internal/podtest"
)

// smallStore has a store on a file system of its own, made with options of tmpfs.
func smallStore(t *testing.T, options string) *bench {
	b := newBench(t)
	store := filepath.Join(b.world.DataDir(), "containers", "storage")
	b.must(nil, "unshare", "mount", "-t", "tmpfs", "-o", options+",mode=0700", "tmpfs", store)
	t.Cleanup(func() { b.command(nil, "unshare", "umount", "-l", store) }) // before the world ends
	dir := t.TempDir()
	if err := podtest.WriteArchives(dir, ""); err != nil {
		t.Fatal(err)
	}
	b.must(nil, "load", "-q", "-i", filepath.Join(dir, "box.tar"))
	if err := b.othersWork(); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.before, err = b.world.Snapshot(); err != nil {
		t.Fatal(err)
	}
	return b
}

// builds has a build from standard input, which is called name and has a file of so many bytes. The error has all that it says.
func (b *bench) builds(name string, bytes int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*commandTimeout)
	defer cancel()
	cmd := b.world.Command(ctx, "build", "-q", "--network", "none", "-t", name, "-")
	cmd.Stdin = strings.NewReader(fmt.Sprintf("FROM %s\nRUN yes %s | head -c %d >/file\nRUN sha256sum /file >/sum && test -s /sum\n", podtest.BoxImage, name, bytes))
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%w: %s", err, out)
	}
	return err
}

// removes has something removed. That it is not is for want of room; an image may be gone all the same, if that is said.
func (b *bench) removes(args ...string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*commandTimeout)
	defer cancel()
	_, err := b.world.Run(ctx, args...)
	return err == nil || strings.Contains(err.Error(), "the image has gone")
}

// isWhole has the file of such an image looked at.
func (b *bench) isWhole(name string) error {
	return b.command(nil, "run", "--rm", "--network", "none", name, "sh", "-c", `test "$(head -n 1 /file)" = `+name+` && sha256sum -c -s /sum`)
}

// TestAFullDisk fills the store's file system to the last byte, or to the last file. What a person looks at and removes with works; a build says what is the matter;
// nothing that was there is lost, and when there is room again nothing is left of what failed.
func TestAFullDisk(t *testing.T) {
	for _, kind := range []struct{ name, options, fill string }{
		{"bytes", "size=24m", "cat /dev/zero >fill"},
		{"files", "size=64m,nr_inodes=900", "mkdir fill; i=0; while : >fill/$i; do i=$((i+1)); done"},
	} {
		t.Run(kind.name, func(t *testing.T) {
			b := smallStore(t, kind.options)
			for _, name := range []string{"kept", "removed", "cached"} {
				if err := b.builds(name, 50_000); err != nil {
					t.Fatal(err)
				}
			}
			b.must(nil, "rmi", "cached")
			store := filepath.Join(b.world.DataDir(), "containers", "storage")
			b.must(nil, "unshare", "sh", "-c", "cd "+store+"; ("+kind.fill+") 2>/dev/null; true")
			err := b.builds("fails", 50_000)
			if err == nil || !strings.Contains(err.Error(), "no space left on device\nhint: ") {
				t.Errorf("a build on the full disk: %v", err)
			}
			for _, line := range []string{
				"images", "system df", "builder du", "history kept", "rmi removed", "image prune -f", "builder prune -af", "system df", "system check",
			} {
				if err := b.command(nil, strings.Fields(line)...); err != nil {
					t.Errorf("on the full disk: %v", err)
				}
			}
			b.must(nil, "unshare", "rm", "-rf", store+"/fill")
			if err := b.isWhole("kept"); err != nil {
				t.Error(err)
			}
			if err := b.builds("next", 50_000); err != nil {
				t.Error(err)
			}
			b.must(nil, "rmi", "kept", "next")
			b.must(nil, "builder", "prune", "-af")
			if err := b.removable(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestBuildsOnANearlyFullDisk has builds and removals at once where there is not room for all: who succeeds has a whole image, who fails says that there is no
// room, and no image goes by a removal that has failed, unless that says so.
func TestBuildsOnANearlyFullDisk(t *testing.T) {
	b := smallStore(t, "size=16m")
	var all sync.WaitGroup
	var mu sync.Mutex
	whole := map[string]bool{}
	failed := 0
	for worker := range 4 {
		all.Go(func() {
			for i := range 8 {
				name := fmt.Sprintf("w%dn%d", worker, i)
				err := b.builds(name, 400_000*(1+(worker*3+i*5)%7))
				said := err != nil && (strings.Contains(err.Error(), "o space left on device") || strings.Contains(err.Error(), "hint: pod system df") ||
					strings.Contains(err.Error(), "I/O error") || strings.Contains(err.Error(), "write to seccomp fd")) // head's and crun's words for it
				if err != nil && !said {
					t.Error(err)
				}
				removed := err == nil && i%2 == 1 && b.removes("rmi", name)
				if err != nil || i%4 == 3 {
					b.removes("builder", "prune", "-af")
				}
				mu.Lock()
				if err != nil {
					failed++
				}
				whole[name] = err == nil && !removed
				mu.Unlock()
			}
		})
	}
	all.Wait()
	kept := 0
	b.must(nil, "builder", "prune", "-af")
	for name, there := range whole {
		if !there {
			continue
		}
		kept++
		if err := b.command(nil, "image", "exists", name); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d images, %d builds failed", kept, failed)
	if kept == 0 || failed == 0 {
		t.Error("want both")
	}
	for name, there := range whole {
		if !there {
			continue
		}
		if err := b.isWhole(name); err != nil {
			t.Error(err)
		}
		b.must(nil, "rmi", name)
	}
	b.must(nil, "builder", "prune", "-af")
	// The parts of layers that were being made are the image store's, which gives their makers a day unless told otherwise.
	b.must(nil, "system", "check", "--repair", "--max", "1ns")
	if err := b.removable(); err != nil {
		t.Error(err)
	}
}
