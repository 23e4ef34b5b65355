package hygiene

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// permissions looks at the modes of what a container sees.
func (f *findings) permissions(img *layerfs.Image) {
	for _, n := range img.Visible {
		switch mode := n.Mode; {
		case mode.IsRegular() && mode&0o111 != 0 && mode&(fs.ModeSetuid|fs.ModeSetgid) != 0:
			f.add(at(scan.RuleSetuid, n, setuid(n)))
		case mode.IsRegular() && mode&0o002 != 0:
			f.add(at(scan.RuleWritableFile, n, "everybody in the container may write it"))
		case mode.IsDir() && mode&0o002 != 0 && mode&fs.ModeSticky == 0:
			f.add(at(scan.RuleWritableDir, n, "everybody in the container may replace what others have in it"))
		}
	}
}

func setuid(n *layerfs.Node) string {
	switch {
	case n.Mode&fs.ModeSetuid == 0:
		return fmt.Sprintf("who runs it gets the group %d", n.GID)
	case n.Mode&fs.ModeSetgid == 0:
		return fmt.Sprintf("who runs it becomes the user %d", n.UID)
	}
	return fmt.Sprintf("who runs it becomes the user %d with the group %d", n.UID, n.GID)
}

// cachePatterns are where package managers keep what they can fetch again, with the words for it.
func cachePatterns() map[string]string {
	return map[string]string{
		"var/cache/apt/archives/*.deb": "packages of apt", "var/lib/apt/lists/*_*": "package lists of apt",
		"var/cache/apk": "packages and lists of apk", "etc/apk/cache": "packages and lists of apk",
		"var/cache/yum": "packages and lists of yum", "var/cache/dnf": "packages and lists of dnf", "var/cache/libdnf5": "packages and lists of dnf",
		"var/cache/zypp": "packages and lists of zypper", "var/cache/pacman/pkg": "packages of pacman",
		"**/.cache/pip": "packages of pip", "**/.cache/uv": "packages of uv", "**/.npm/_cacache": "packages of npm", "**/.cache/yarn": "packages of yarn",
		"usr/local/share/.cache/yarn": "packages of yarn", "**/.cache/go-build": "build cache of go", "**/pkg/mod/cache/download": "modules of go",
		"**/.cargo/registry/cache": "crates of cargo", "**/.m2/repository": "artifacts of maven", "**/.gradle/caches": "artifacts of gradle",
		"**/.composer/cache": "packages of composer", "**/.cache/composer": "packages of composer",
	}
}

// mayBeCache spares most files the patterns.
func mayBeCache(name string) bool {
	const longest = 512 // matching "**/" costs the square of a path's length
	return len(name) <= longest && (strings.Contains(name, "cache") || strings.Contains(name, "apt/lists") || strings.Contains(name, ".m2/"))
}

// smallCache is what is not worth a word: apt and apk leave a few lock files and empty lists.
const smallCache = 64 << 10

// caches adds up what is in each cache.
func (f *findings) caches(img *layerfs.Image) {
	type cache struct {
		words string
		layer int
	}
	sizes, first := map[cache]int64{}, map[cache]*layerfs.Node{}
	patterns := cachePatterns()
	globs := slices.Sorted(maps.Keys(patterns))
	for _, n := range img.Visible {
		if !n.Mode.IsRegular() || !mayBeCache(n.Path) {
			continue
		}
		for _, glob := range globs {
			if scan.Match(glob, n.Path) {
				c := cache{patterns[glob], n.Layer}
				sizes[c] += n.Size
				if first[c] == nil {
					first[c] = n
				}
				break
			}
		}
	}
	for c, size := range sizes {
		if size < smallCache {
			continue
		}
		one := at(scan.RuleCache, first[c], fmt.Sprintf("%s take %s", c.words, report.Size(size)))
		one.Path, one.Bytes = path.Dir(one.Path), size
		f.add(one)
	}
}

// Bytes of deleted or replaced files from which they are worth a finding: of one file, and of all together in a layer.
const (
	largeFile  = 1 << 20
	largeTotal = 4 << 20
)

// waste lists large files that are in a layer although no container sees them, and adds up the rest for each layer.
func (f *findings) waste(s Subject) {
	rest := make(map[int]int64)
	for _, n := range wasted(s.Files) {
		if n.Size < largeFile {
			rest[n.Layer] += n.Size
			continue
		}
		one := at(scan.RuleRemovedFiles, n, report.Size(n.Size)+" are wasted")
		one.Bytes = n.Size
		f.add(one)
	}
	for layer, size := range rest {
		if size >= largeTotal {
			f.add(scan.Finding{
				Rule: scan.RuleRemovedFiles, Layer: layer, Bytes: size,
				Message: fmt.Sprintf("small files of layer %d that later layers delete or replace take %s", layer, report.Size(size)),
			})
		}
	}
}

// wasted are the regular files that no container sees, each once: not those of which another name is visible.
func wasted(img *layerfs.Image) []*layerfs.Node {
	type file struct {
		layer int
		inode uint64
	}
	counted := make(map[file]bool)
	for _, n := range img.Visible {
		if n.Mode.IsRegular() && n.Links > 1 {
			counted[file{n.Layer, n.Inode}] = true
		}
	}
	var files []*layerfs.Node
	for _, n := range img.Hidden {
		this := file{n.Layer, n.Inode}
		if !n.Mode.IsRegular() || n.Links > 1 && counted[this] {
			continue
		}
		counted[this] = n.Links > 1
		files = append(files, n)
	}
	return files
}
