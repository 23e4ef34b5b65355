package sbom

import (
	"io"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/scan"
)

// The parts of SARIF 2.1.0 (https://docs.oasis-open.org/sarif/sarif/v2.1.0) that code hosting sites show.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string     `json:"id"`
		ShortDescription sarifText  `json:"shortDescription"`
		Help             *sarifText `json:"help,omitempty"`
		HelpURI          string     `json:"helpUri,omitempty"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact struct {
			URI string `json:"uri"`
		} `json:"artifactLocation"`
		Region struct {
			StartLine int `json:"startLine"`
		} `json:"region"`
	}
)

// WriteSARIF writes findings and vulnerabilities as SARIF. Packages have no place in it.
func WriteSARIF(w io.Writer, r *scan.Report, m Maker) error {
	driver := sarifDriver{Name: "pod scan", Version: m.Version, InformationURI: "https://github.com/pod-engine/pod", Rules: []sarifRule{}}
	run := sarifRun{Results: []sarifResult{}}
	met := make(map[string]bool)
	for _, rule := range scan.Rules() {
		driver.Rules = append(driver.Rules, sarifRule{ID: rule.Name, ShortDescription: sarifText{rule.Title}, Help: &sarifText{rule.Advice}})
	}
	for _, f := range r.Findings {
		run.Results = append(run.Results, sarifResult{f.Rule, level(f.Severity), sarifText{f.Message}, location(r, f.Path, f.Line)})
	}
	for _, v := range r.Vulnerabilities {
		if !met[v.ID] {
			met[v.ID] = true
			driver.Rules = append(driver.Rules, sarifRule{ID: v.ID, ShortDescription: sarifText{v.ID + " " + v.Title}, HelpURI: v.URL})
		}
		text := v.Package + " " + v.Version + ": " + v.Title
		if len(v.Fixed) > 0 {
			text += " (fixed in " + strings.Join(v.Fixed, ", ") + ")"
		}
		run.Results = append(run.Results, sarifResult{v.ID, level(v.Severity), sarifText{text}, location(r, "", 0)})
	}
	run.Tool.Driver = driver
	return report.WriteJSON(w, sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}, "  ")
}

// location is a place in the image; what is about all of it is at the image's name.
func location(r *scan.Report, path string, line int) []sarifLocation {
	var l sarifLocation
	l.Physical.Artifact.URI = strings.TrimPrefix(path, "/")
	if path == "" {
		l.Physical.Artifact.URI = r.Image.Name
	}
	l.Physical.Region.StartLine = max(line, 1)
	return []sarifLocation{l}
}

func level(s scan.Severity) string {
	switch {
	case s >= scan.High:
		return "error"
	case s == scan.Medium:
		return "warning"
	}
	return "note"
}
