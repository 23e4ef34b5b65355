package scan

import (
	"fmt"
	"strings"
)

// Format is how the report is written.
type Format string

const (
	FormatTable     Format = "table"
	FormatJSON      Format = "json"
	FormatSPDX      Format = "spdx-json"
	FormatCycloneDX Format = "cyclonedx-json"
	FormatSARIF     Format = "sarif"
	FormatTemplate  Format = "template"
)

// ParseFormat reads the words of --format. What holds "{{" is a template itself.
func ParseFormat(s string) (Format, error) {
	if strings.Contains(s, "{{") {
		return FormatTemplate, nil
	}
	switch f := Format(strings.ToLower(s)); f {
	case "spdx":
		return FormatSPDX, nil
	case "cyclonedx":
		return FormatCycloneDX, nil
	case FormatTable, FormatJSON, FormatSPDX, FormatCycloneDX, FormatSARIF, FormatTemplate:
		return f, nil
	}
	return "", fmt.Errorf("format %q: it is table, json, spdx-json, cyclonedx-json, sarif or a Go template", s)
}

// ParseScanner reads the words of --scanner.
func ParseScanner(s string) (Scanner, error) {
	switch one := Scanner(strings.ToLower(s)); one {
	case ScannerAuto, ScannerTrivy, ScannerGrype, ScannerNone:
		return one, nil
	}
	return "", fmt.Errorf("scanner %q: it is trivy, grype, auto or none", s)
}
