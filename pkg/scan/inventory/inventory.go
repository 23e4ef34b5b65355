// Package inventory finds the packages that are installed in an image, by the records that package managers and compilers leave. Each
// record is exact: it names the package and its version; nothing is guessed from file names.
package inventory

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/package-url/packageurl-go"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// Limits of what is read of one file.
const (
	maxDatabase = 1 << 30  // rpm, which is read in pieces
	maxList     = 64 << 20 // dpkg's and apk's, which are one file for all packages
	maxRecord   = 4 << 20  // of one package
	maxFound    = 100_000  // packages in one file
)

// Limits of what is found in an image, a hundred times what the largest have.
const (
	maxPackages = 500_000
	maxNotes    = 200
)

// cataloger reads one kind of record.
type cataloger struct {
	kind  string
	wants func(*layerfs.Node) bool
	read  func(*layerfs.Node) ([]scan.Package, error)
}

// catalogers are all kinds, by what a file must be called.
func catalogers() []cataloger {
	return []cataloger{
		{packageurl.TypeDebian, isDpkg, readDpkg},
		{packageurl.TypeApk, isApk, readApk},
		{packageurl.TypeRPM, isRPM, readRPM},
		{packageurl.TypeNPM, isNPM, readNPM},
		{packageurl.TypePyPi, isPyPI, readPyPI},
		{packageurl.TypeGem, isGem, readGem},
		{packageurl.TypeMaven, isJar, readJar},
		{packageurl.TypeGolang, isProgram, readProgram},
	}
}

// Inventory is what was found.
type Inventory struct {
	Distribution scan.Distribution
	Packages     []scan.Package
	Notes        []string
	unsaid       int // notes that are left out
}

// Find reads the records of all packages that a container sees. A record that cannot be read is a note.
func Find(ctx context.Context, img *layerfs.Image) (Inventory, error) {
	type task struct {
		cataloger
		node *layerfs.Node
	}
	var tasks []task
	all := catalogers()
	for _, n := range img.Visible {
		if !n.Mode.IsRegular() || n.Size == 0 {
			continue
		}
		if i := slices.IndexFunc(all, func(c cataloger) bool { return c.wants(n) }); i >= 0 {
			tasks = append(tasks, task{all[i], n})
		}
	}
	found := Inventory{Distribution: distribution(img)}
	var mu sync.Mutex
	layerfs.Each(len(tasks), func(i int) {
		if ctx.Err() != nil {
			return
		}
		t := tasks[i]
		packages, err := guarded(t.read, t.node)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			found.note(fmt.Sprintf("/%s is no %s record that can be read: %v", t.node.Path, t.kind, err))
		}
		if wal := img.Lookup(t.node.Path + "-wal"); t.kind == packageurl.TypeRPM && wal != nil && wal.Size > 0 {
			found.note(fmt.Sprintf("/%s has changes that are in /%s only, which is not read", t.node.Path, wal.Path))
		}
		if len(found.Packages)+len(packages) > maxPackages {
			found.note(fmt.Sprintf("there are more than %d packages; those of /%s, for one, are left out", maxPackages, t.node.Path))
			return
		}
		for _, p := range packages {
			p.Path, p.Layer = "/"+t.node.Path, t.node.Layer
			found.Packages = append(found.Packages, named(found.Distribution, p))
		}
	})
	found.sort()
	if found.unsaid > 0 {
		found.Notes = append(found.Notes, fmt.Sprintf("%d more records cannot be read", found.unsaid))
	}
	return found, ctx.Err()
}

// note keeps a note, unless there are too many to be read.
func (found *Inventory) note(text string) {
	if len(found.Notes) < maxNotes {
		found.Notes = append(found.Notes, text)
	} else {
		found.unsaid++
	}
}

// guarded keeps a reader that a hostile file brings to a panic from ending the scan.
func guarded(read func(*layerfs.Node) ([]scan.Package, error), n *layerfs.Node) (packages []scan.Package, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading it failed: %v", r)
		}
	}()
	return read(n)
}

// sort puts packages in an order that does not depend on time, and takes out what was found twice in one file.
func (found *Inventory) sort() {
	slices.SortFunc(found.Packages, func(a, b scan.Package) int {
		return cmp.Or(
			cmp.Compare(a.Type, b.Type), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
			cmp.Compare(a.Version, b.Version), cmp.Compare(a.Arch, b.Arch), cmp.Compare(a.Path, b.Path),
		)
	})
	found.Packages = slices.CompactFunc(found.Packages, func(a, b scan.Package) bool { return a.PURL == b.PURL && a.Path == b.Path })
	slices.Sort(found.Notes)
}

// named completes a package of a distribution with its namespace and its package URL (https://github.com/package-url/purl-spec).
func named(d scan.Distribution, p scan.Package) scan.Package {
	var q []packageurl.Qualifier
	add := func(key, value string) {
		if value != "" {
			q = append(q, packageurl.Qualifier{Key: key, Value: value})
		}
	}
	version := p.Version
	switch p.Type {
	case packageurl.TypeDebian, packageurl.TypeApk, packageurl.TypeRPM:
		p.Namespace = d.ID
		add("arch", p.Arch)
		if d.ID != "" && d.VersionID != "" {
			add("distro", d.ID+"-"+d.VersionID)
		}
		if epoch, rest, ok := strings.Cut(version, ":"); ok && p.Type == packageurl.TypeRPM {
			version = rest
			add("epoch", epoch)
		}
		upstream := p.Source.Name
		if p.Source.Version != "" {
			upstream += "@" + p.Source.Version
		}
		add("upstream", upstream)
	}
	purl := packageurl.NewPackageURL(p.Type, p.Namespace, p.Name, version, q, "")
	if err := purl.Normalize(); err == nil {
		p.PURL = purl.ToString()
	}
	return p
}

// split cuts a name in the parts that a package URL has.
func split(name string) (namespace, base string) {
	dir, base := path.Split(name)
	return strings.TrimSuffix(dir, "/"), base
}
