package inventory

import (
	"encoding/json"
	"errors"
	"path"
	"regexp"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// isNPM: node_modules/NAME/package.json and node_modules/@SCOPE/NAME/package.json, at any depth; what is deeper in a package is its own.
func isNPM(n *layerfs.Node) bool {
	if path.Base(n.Path) != "package.json" {
		return false
	}
	above := path.Dir(path.Dir(n.Path))
	if strings.HasPrefix(path.Base(above), "@") {
		above = path.Dir(above)
	}
	return path.Base(above) == "node_modules"
}

func readNPM(n *layerfs.Node) ([]scan.Package, error) {
	text, err := n.Read(maxRecord)
	if err != nil {
		return nil, err
	}
	var record struct {
		Name, Version     string
		License, Licenses json.RawMessage
	}
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, err
	}
	if record.Name == "" || record.Version == "" {
		return nil, nil // packages have such files for parts of themselves
	}
	p := scan.Package{Type: packageurl.TypeNPM, Version: record.Version, Licenses: npmLicenses(record.License, record.Licenses)}
	p.Namespace, p.Name = split(record.Name)
	return []scan.Package{p}, nil
}

// npmLicenses reads the forms that npm has had: a word, an object, a list of objects.
func npmLicenses(forms ...json.RawMessage) (all []string) {
	for _, form := range forms {
		var word string
		var object struct{ Type string }
		var list []struct{ Type string }
		switch {
		case json.Unmarshal(form, &word) == nil:
			all = append(all, license(word)...)
		case json.Unmarshal(form, &object) == nil:
			all = append(all, license(object.Type)...)
		case json.Unmarshal(form, &list) == nil:
			for _, one := range list {
				all = append(all, license(one.Type)...)
			}
		}
	}
	return all
}

// isPyPI: NAME-VERSION.dist-info/METADATA, NAME-VERSION.egg-info/PKG-INFO, or the latter as one file.
func isPyPI(n *layerfs.Node) bool {
	dir, base := path.Base(path.Dir(n.Path)), path.Base(n.Path)
	return base == "METADATA" && strings.HasSuffix(dir, ".dist-info") ||
		base == "PKG-INFO" && (strings.HasSuffix(dir, ".egg-info") || dir == "EGG-INFO") ||
		strings.HasSuffix(base, ".egg-info")
}

func readPyPI(n *layerfs.Node) ([]scan.Package, error) {
	text, err := n.Read(maxRecord)
	if err != nil {
		return nil, err
	}
	// The description comes after the first empty line.
	head, _, _ := strings.Cut(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n\n")
	fields := map[string]string{}
	for line := range strings.Lines(head) {
		key, value, ok := strings.Cut(strings.TrimRight(line, "\n"), ": ")
		if _, there := fields[key]; ok && !there {
			fields[key] = value
		}
	}
	p := scan.Package{Type: packageurl.TypePyPi, Name: fields["Name"], Version: fields["Version"]}
	if p.Name == "" || p.Version == "" {
		return nil, errors.New("it has no name and version")
	}
	if p.Licenses = license(fields["License-Expression"]); p.Licenses == nil && len(fields["License"]) < 64 && fields["License"] != "UNKNOWN" {
		p.Licenses = license(fields["License"])
	}
	return []scan.Package{p}, nil
}

// isGem: what RubyGems writes for an installed gem.
func isGem(n *layerfs.Node) bool {
	dir := path.Dir(n.Path)
	return strings.HasSuffix(n.Path, ".gemspec") && (path.Base(dir) == "specifications" || path.Base(dir) == "default" && path.Base(path.Dir(dir)) == "specifications")
}

func readGem(n *layerfs.Node) ([]scan.Package, error) {
	text, err := n.Read(maxRecord)
	if err != nil {
		return nil, err
	}
	// RubyGems writes these lines itself, always in this way.
	pattern, err := regexp.Compile(`(?m)^\s*s\.(name|version|licenses) = (?:Gem::Version\.new\()?\[?"([^"\n]*)"`)
	if err != nil {
		return nil, err
	}
	p := scan.Package{Type: packageurl.TypeGem}
	for _, m := range pattern.FindAllStringSubmatch(string(text), 16) {
		switch {
		case m[1] == "name" && p.Name == "":
			p.Name = m[2]
		case m[1] == "version" && p.Version == "":
			p.Version = m[2]
		case m[1] == "licenses" && p.Licenses == nil:
			p.Licenses = license(m[2])
		}
	}
	if p.Name == "" || p.Version == "" {
		return nil, errors.New("it has no name and version")
	}
	return []scan.Package{p}, nil
}
