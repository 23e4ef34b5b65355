package sbom

import (
	"fmt"
	"io"
	"strings"

	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/pod-engine/pod/pkg/scan"
)

// WriteCycloneDX writes the report as CycloneDX 1.6, with the vulnerabilities and, as properties of the image, the findings.
func WriteCycloneDX(w io.Writer, r *scan.Report, m Maker) error {
	bom := cycloneDX(r, m)
	return write(w, func(w io.Writer) error {
		return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetEscapeHTML(false).EncodeVersion(bom, cdx.SpecVersion1_6)
	})
}

func cycloneDX(r *scan.Report, m Maker) *cdx.BOM {
	image := cdx.Component{
		BOMRef: "image", Type: cdx.ComponentTypeContainer, Name: r.Image.Name, Version: r.Image.Digest, PackageURL: imageURL(r.Image),
	}
	properties := []cdx.Property{{Name: "pod:image:id", Value: r.Image.ID}}
	for _, l := range r.Image.Layers {
		properties = append(properties, cdx.Property{Name: "pod:image:diff-id", Value: l.Digest})
	}
	for _, f := range r.Findings {
		properties = append(properties, cdx.Property{Name: "pod:finding:" + f.Rule, Value: strings.Join(strings.Fields(f.Severity.String()+" "+f.Path+" "+f.Message), " ")})
	}
	image.Properties = &properties
	bom := cdx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + m.identity(r.Image)
	bom.Metadata = &cdx.Metadata{
		Timestamp: m.stamp(), Component: &image,
		Tools: &cdx.ToolsChoice{Components: &[]cdx.Component{{Type: cdx.ComponentTypeApplication, Name: "pod", Version: m.Version}}},
	}
	var components []cdx.Component
	if d := r.Distribution; d.ID != "" {
		components = append(components, cdx.Component{
			BOMRef: "distribution", Type: cdx.ComponentTypeOS, Name: d.ID, Version: d.VersionID, Description: d.Name,
		})
	}
	names := references(r.Packages)
	for i, p := range r.Packages {
		components = append(components, component(p, names[i]))
	}
	bom.Components = &components
	if found := vulnerabilities(r, names); len(found) > 0 {
		bom.Vulnerabilities = &found
	}
	return bom
}

func component(p scan.Package, reference string) cdx.Component {
	c := cdx.Component{BOMRef: reference, Type: cdx.ComponentTypeLibrary, Name: p.Name, Version: p.Version, PackageURL: p.PURL}
	switch p.Type {
	case "golang":
		c.Name = fullName(p) // that is a module's name; it has no group
	case "npm", "maven":
		c.Group = p.Namespace
	}
	properties := []cdx.Property{{Name: "pod:package:path", Value: p.Path}, {Name: "pod:package:layer", Value: fmt.Sprint(p.Layer)}}
	if p.Source.Name != "" {
		// Advisories of distributions are about source packages. grype takes them from the package URL, trivy from these.
		properties = append(properties, cdx.Property{Name: "aquasecurity:trivy:SrcName", Value: p.Source.Name})
		version := p.Source.Version
		if version == "" {
			version = p.Version
		}
		properties = append(properties, cdx.Property{Name: "aquasecurity:trivy:SrcVersion", Value: version})
	}
	c.Properties = &properties
	if len(p.Licenses) > 0 {
		var licenses cdx.Licenses
		for _, l := range p.Licenses {
			licenses = append(licenses, cdx.LicenseChoice{License: &cdx.License{Name: l}})
		}
		c.Licenses = &licenses
	}
	return c
}

// vulnerabilities are those of the report; one that is about several packages is there once.
func vulnerabilities(r *scan.Report, names []string) []cdx.Vulnerability {
	byURL := make(map[string]string)
	for i, p := range r.Packages {
		if byURL[p.PURL] == "" {
			byURL[p.PURL] = names[i]
		}
	}
	var found []cdx.Vulnerability
	index := make(map[string]int)
	for _, v := range r.Vulnerabilities {
		i, there := index[v.ID]
		if !there {
			i = len(found)
			index[v.ID] = i
			found = append(found, cdx.Vulnerability{
				ID: v.ID, Description: v.Title, Affects: &[]cdx.Affects{},
				Ratings: &[]cdx.VulnerabilityRating{{Severity: cdxSeverity(v.Severity)}},
			})
			if v.URL != "" {
				found[i].Source = &cdx.Source{URL: v.URL}
			}
			if len(v.Fixed) > 0 {
				found[i].Recommendation = "upgrade " + v.Package + " to " + strings.Join(v.Fixed, " or ")
			}
		}
		reference := byURL[v.PURL]
		if reference == "" {
			reference = "image"
		}
		*found[i].Affects = append(*found[i].Affects, cdx.Affects{Ref: reference})
	}
	return found
}

func cdxSeverity(s scan.Severity) cdx.Severity {
	switch s {
	case scan.Critical:
		return cdx.SeverityCritical
	case scan.High:
		return cdx.SeverityHigh
	case scan.Medium:
		return cdx.SeverityMedium
	case scan.Low:
		return cdx.SeverityLow
	case scan.Negligible:
		return cdx.SeverityInfo
	}
	return cdx.SeverityUnknown
}
