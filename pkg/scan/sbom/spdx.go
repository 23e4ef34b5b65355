package sbom

import (
	"fmt"
	"io"
	"strings"

	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/pod-engine/pod/pkg/scan"
)

const noAssertion = "NOASSERTION"

// WriteSPDX writes the report as SPDX 2.3. Findings and vulnerabilities have no place in it.
func WriteSPDX(w io.Writer, r *scan.Report, m Maker) error {
	doc := spdx(r, m)
	return write(w, func(w io.Writer) error { return spdxjson.Write(doc, w, spdxjson.EscapeHTML(false)) })
}

func spdx(r *scan.Report, m Maker) *v2_3.Document {
	const root = "Image"
	doc := &v2_3.Document{
		SPDXVersion: v2_3.Version, DataLicense: v2_3.DataLicense, SPDXIdentifier: "DOCUMENT", DocumentName: r.Image.Name,
		DocumentNamespace: "https://github.com/pod-engine/pod/sbom/" + m.identity(r.Image),
		CreationInfo: &v2_3.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "pod-" + m.Version}}, Created: m.stamp(),
		},
		Packages: []*v2_3.Package{{
			PackageName: r.Image.Name, PackageSPDXIdentifier: root, PackageVersion: r.Image.Digest, PackageDownloadLocation: noAssertion,
			PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
			PrimaryPackagePurpose: "CONTAINER", PackageExternalReferences: purl(imageURL(r.Image)),
		}},
		Relationships: []*v2_3.Relationship{relation("DOCUMENT", "DESCRIBES", root)},
	}
	if r.Image.ID != "" { // one that is being built has none yet
		doc.Packages[0].PackageChecksums = []common.Checksum{{Algorithm: common.SHA256, Value: strings.TrimPrefix(r.Image.ID, "sha256:")}}
	}
	for i, p := range r.Packages {
		one := spdxPackage(p)
		one.PackageSPDXIdentifier = common.ElementID(fmt.Sprintf("Package-%d-%s", i+1, identifier(p.Type+"-"+p.Name)))
		doc.Packages = append(doc.Packages, one)
		doc.Relationships = append(doc.Relationships, relation(root, "CONTAINS", one.PackageSPDXIdentifier))
	}
	return doc
}

func spdxPackage(p scan.Package) *v2_3.Package {
	one := &v2_3.Package{
		PackageName: fullName(p), PackageVersion: p.Version, PackageDownloadLocation: noAssertion,
		PackageLicenseConcluded: noAssertion, PackageLicenseDeclared: noAssertion, PackageCopyrightText: noAssertion,
		PackageSourceInfo:     fmt.Sprintf("recorded in %s, layer %d", p.Path, p.Layer),
		PrimaryPackagePurpose: "LIBRARY", PackageExternalReferences: purl(p.PURL),
	}
	if len(p.Licenses) > 0 {
		// Not checked to be an expression of SPDX, so it is not declared as one.
		one.PackageLicenseComments = "the package says: " + strings.Join(p.Licenses, "; ")
	}
	return one
}

func purl(url string) []*v2_3.PackageExternalReference {
	if url == "" {
		return nil
	}
	return []*v2_3.PackageExternalReference{{Category: "PACKAGE-MANAGER", RefType: "purl", Locator: url}}
}

func relation(a common.ElementID, kind string, b common.ElementID) *v2_3.Relationship {
	return &v2_3.Relationship{RefA: common.DocElementID{ElementRefID: a}, RefB: common.DocElementID{ElementRefID: b}, Relationship: kind}
}

// fullName is the name under which the language or distribution knows a package.
func fullName(p scan.Package) string {
	switch p.Type {
	case "golang", "npm":
		if p.Namespace != "" {
			return p.Namespace + "/" + p.Name
		}
	case "maven":
		return p.Namespace + ":" + p.Name
	}
	return p.Name
}

// identifier keeps the characters that an SPDX identifier may have: letters, digits, dot and hyphen.
func identifier(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-':
			return r
		}
		return '-'
	}, s)
}
