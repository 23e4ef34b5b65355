package inventory

import (
	"fmt"
	"path"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
	"github.com/pod-engine/pod/pkg/scan/rpmdb"
)

// isDpkg: dpkg's list, or in images of "distroless" a file for each package.
func isDpkg(n *layerfs.Node) bool {
	return n.Path == "var/lib/dpkg/status" || path.Dir(n.Path) == "var/lib/dpkg/status.d" && !strings.HasSuffix(n.Path, ".md5sums")
}

func readDpkg(n *layerfs.Node) ([]scan.Package, error) {
	text, err := n.Read(maxList)
	if err != nil {
		return nil, err
	}
	return paragraphs(text, func(f map[string]string) (scan.Package, bool) {
		// "deinstall ok config-files" is gone; files of status.d have no status.
		status := f["Status"]
		p := scan.Package{Type: packageurl.TypeDebian, Name: f["Package"], Version: f["Version"], Arch: f["Architecture"]}
		name, version, _ := strings.Cut(f["Source"], " ")
		if version = strings.Trim(version, "()"); version == p.Version {
			version = ""
		}
		if name != p.Name || version != "" {
			p.Source = scan.Source{Name: name, Version: version}
		}
		return p, status == "" || strings.HasSuffix(status, " installed")
	}, ": ")
}

func isApk(n *layerfs.Node) bool {
	return n.Path == "lib/apk/db/installed" || n.Path == "usr/lib/apk/db/installed"
}

func readApk(n *layerfs.Node) ([]scan.Package, error) {
	text, err := n.Read(maxList)
	if err != nil {
		return nil, err
	}
	return paragraphs(text, func(f map[string]string) (scan.Package, bool) {
		p := scan.Package{Type: packageurl.TypeApk, Name: f["P"], Version: f["V"], Arch: f["A"], Licenses: license(f["L"])}
		if origin := f["o"]; origin != p.Name {
			p.Source.Name = origin
		}
		return p, true
	}, ":")
}

// paragraphs reads the format that dpkg and apk share: lines of key and value, and an empty line after each package. A key that is there
// again (apk's files) keeps its first value.
func paragraphs(text []byte, read func(map[string]string) (scan.Package, bool), separator string) ([]scan.Package, error) {
	var packages []scan.Package
	fields := map[string]string{}
	end := func() {
		if p, installed := read(fields); installed && p.Name != "" && p.Version != "" {
			packages = append(packages, p)
		}
		clear(fields)
	}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			end()
			if len(packages) > maxFound {
				return packages, fmt.Errorf("it names more than %d packages", maxFound)
			}
			continue
		}
		key, value, ok := strings.Cut(line, separator)
		if _, there := fields[key]; ok && !there && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			fields[key] = value
		}
	}
	end()
	return packages, nil
}

// isRPM: where the distributions keep the database of rpm, under its name in each form.
func isRPM(n *layerfs.Node) bool {
	switch path.Dir(n.Path) {
	case "var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm":
		base := path.Base(n.Path)
		return base == "Packages" || base == "Packages.db" || base == "rpmdb.sqlite"
	}
	return false
}

func readRPM(n *layerfs.Node) ([]scan.Package, error) {
	if n.Size > maxDatabase {
		return nil, fmt.Errorf("it has %d bytes, more than the %d that are read", n.Size, int64(maxDatabase))
	}
	f, err := n.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	read, err := rpmdb.Read(f, n.Size)
	var packages []scan.Package
	for _, r := range read {
		p := scan.Package{Type: packageurl.TypeRPM, Name: r.Name, Version: r.Version, Arch: r.Arch, Licenses: license(r.License)}
		if r.Release != "" {
			p.Version += "-" + r.Release
		}
		if r.Epoch != 0 {
			p.Version = fmt.Sprintf("%d:%s", r.Epoch, p.Version)
		}
		if name, version := sourceRPM(r.SourceRPM); name != "" && (name != r.Name || version != r.Version+"-"+r.Release) {
			p.Source = scan.Source{Name: name, Version: version}
		}
		packages = append(packages, p)
	}
	return packages, err
}

// sourceRPM takes the file name of a source package apart: NAME-VERSION-RELEASE.src.rpm.
func sourceRPM(file string) (name, version string) {
	file = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(file, ".rpm"), ".src"), ".nosrc")
	i := strings.LastIndexByte(file, '-')
	if i < 0 {
		return "", ""
	}
	if i = strings.LastIndexByte(file[:i], '-'); i < 0 {
		return "", ""
	}
	return file[:i], file[i+1:]
}

func license(s string) []string {
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	return []string{s}
}
