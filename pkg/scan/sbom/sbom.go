// Package sbom writes a report as a bill of materials: SPDX 2.3 or CycloneDX 1.6, both as JSON, for whatever reads those. Both name
// packages by their package URLs. The same report always gives the same document.
package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/package-url/packageurl-go"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/scan"
)

// Maker is who makes a document, and when.
type Maker struct {
	Version string // of pod
	Time    time.Time
}

// stamp is the time as both formats have it.
func (m Maker) stamp() string { return m.Time.UTC().Format("2006-01-02T15:04:05Z") }

// write passes a document of a library on, with what acts on a terminal escaped as JSON has it.
func write(w io.Writer, encode func(io.Writer) error) error {
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		return err
	}
	return report.WriteJSON(w, json.RawMessage(b.Bytes()), "  ")
}

// identity is a UUID that belongs to this image and this time (RFC 9562, version 8).
func (m Maker) identity(img scan.Image) string {
	id := img.ID
	if id == "" {
		id = img.Name
		for _, l := range img.Layers {
			id += "\n" + l.Digest
		}
	}
	sum := sha256.Sum256([]byte(id + "\n" + m.stamp() + "\n" + m.Version))
	sum[6] = sum[6]&0x0f | 0x80
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// imageURL is the package URL of the image: its name without registry and tag, and the digest.
func imageURL(img scan.Image) string {
	if img.Digest == "" {
		return ""
	}
	repository := img.Name
	for _, one := range img.RepoDigests {
		repository, _, _ = strings.Cut(one, "@")
		break
	}
	slash := strings.LastIndexByte(repository, '/')
	name, tag, _ := strings.Cut(repository[slash+1:], ":")
	q := packageurl.Qualifiers{{Key: "arch", Value: img.Architecture}, {Key: "repository_url", Value: repository[:slash+1] + name}}
	if tag != "" {
		q = append(q, packageurl.Qualifier{Key: "tag", Value: tag})
	}
	purl := packageurl.NewPackageURL(packageurl.TypeOCI, "", name, img.Digest, q, "")
	if purl.Normalize() != nil {
		return ""
	}
	return purl.ToString()
}

// references gives each package a name of its own in the document: its package URL, with a number where that is there already.
func references(packages []scan.Package) []string {
	names := make([]string, len(packages))
	used := make(map[string]int)
	for i, p := range packages {
		name := p.PURL
		if name == "" {
			name = "pkg:generic/unnamed"
		}
		if used[name]++; used[name] > 1 {
			name = fmt.Sprintf("%s#%d", name, used[name])
		}
		names[i] = name
	}
	return names
}
