package inventory

import (
	"bytes"
	"compress/zlib"
	"debug/buildinfo"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"runtime/debug"
	"strings"

	"github.com/package-url/packageurl-go"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// isProgram: anything that can be executed, and shared objects.
func isProgram(n *layerfs.Node) bool {
	return n.Size > 4096 && (n.Mode&0o111 != 0 || strings.Contains(path.Base(n.Path), ".so"))
}

// readProgram reads what the compilers of Go and (with cargo-auditable) Rust write into a program: the modules it is made of.
func readProgram(n *layerfs.Node) ([]scan.Package, error) {
	f, err := n.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	magic := make([]byte, 4)
	if _, err := f.ReadAt(magic, 0); err != nil || string(magic) != elf.ELFMAG {
		return nil, nil
	}
	program, err := elf.NewFile(f)
	if err != nil {
		return nil, nil // the image may hold damaged programs, as test data for one; they have no packages
	}
	defer program.Close()
	var packages []scan.Package
	if program.Section(".go.buildinfo") != nil {
		info, err := buildinfo.Read(f)
		if err != nil {
			return nil, err
		}
		packages = goModules(info)
	}
	if audit := program.Section(".dep-v0"); audit != nil {
		crates, err := readAudit(audit)
		if err != nil {
			return packages, err
		}
		packages = append(packages, crates...)
	}
	return packages, nil
}

func goModules(info *debug.BuildInfo) []scan.Package {
	module := func(name, version string) scan.Package {
		p := scan.Package{Type: packageurl.TypeGolang, Version: version}
		p.Namespace, p.Name = split(name)
		return p
	}
	packages := []scan.Package{module("stdlib", strings.TrimPrefix(info.GoVersion, "go"))}
	if info.Main.Path != "" {
		version := info.Main.Version
		if version == "(devel)" {
			version = ""
		}
		packages = append(packages, module(info.Main.Path, version))
	}
	for _, d := range info.Deps {
		if d.Replace != nil {
			d = d.Replace
		}
		packages = append(packages, module(d.Path, d.Version))
	}
	return packages
}

// readAudit reads the list that cargo-auditable adds: JSON, compressed with zlib (https://github.com/rust-secure-code/cargo-auditable).
func readAudit(s *elf.Section) ([]scan.Package, error) {
	if s.Size > maxRecord {
		return nil, fmt.Errorf("its list of crates has %d bytes, more than the %d that are read", s.Size, maxRecord)
	}
	packed, err := s.Data()
	if err != nil {
		return nil, err
	}
	r, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	const most = 8 * maxRecord
	text, err := io.ReadAll(io.LimitReader(r, most+1))
	if err != nil {
		return nil, err
	}
	if len(text) > most {
		return nil, errors.New("its list of crates is too long")
	}
	var list struct {
		Packages []struct{ Name, Version, Kind string }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	var packages []scan.Package
	for _, c := range list.Packages {
		if c.Kind != "build" { // needed to compile it, not in it
			packages = append(packages, scan.Package{Type: packageurl.TypeCargo, Name: c.Name, Version: c.Version})
		}
	}
	return packages, nil
}
