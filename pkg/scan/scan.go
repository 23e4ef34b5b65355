// Package scan says what is in an image: the packages, and what a careful person would not have left there. It holds the words that
// pod and pod-scan share: what is asked (Request) and what is found (Report). The work is done by the packages below it, which only
// pod-scan links: layerfs reads layers, inventory finds packages, hygiene finds faults, vulnerability asks trivy or grype, and sbom
// writes SPDX and CycloneDX.
package scan

import (
	"slices"
	"strings"
	"time"
)

// Request is all that pod-scan is told. It never opens the image store.
type Request struct {
	Image   Image
	Config  Config
	Options Options
	Notes   []string  // what is known to be missing before the work begins
	Version string    // of pod, for documents
	Time    time.Time // of documents
}

// Config is what an image's configuration says that matters here.
type Config struct {
	User        string
	Env         []string
	Labels      map[string]string
	Healthcheck bool // there is one, and it is not NONE
	History     []Step
}

// Step is one entry of an image's history, oldest first.
type Step struct {
	CreatedBy string
	Comment   string // buildah writes "FROM image" here
	Empty     bool   // it made no layer
}

// Options are what a person chose; see the flags of pod scan.
type Options struct {
	Format      Format
	Template    string // of FormatTemplate
	Docker      bool   // tables as docker aligns them
	Severities  Severities
	Ignore      []Ignore
	Exclude     []string // globs of paths
	Scanner     Scanner
	OnlyFixed   bool // leave out vulnerabilities for which there is no fix
	AllPackages bool // list packages in a table
	Timeout     time.Duration
	Quiet       bool
}

// Answer is what pod-scan says beside the report, which it writes to its standard output.
type Answer struct {
	Worst Severity // of what is in the report; None when nothing is
	// Unasked is set when nobody was asked for vulnerabilities because neither trivy nor grype is there.
	Unasked bool
	Error   string // empty: none
	Hint    string
}

// HowToAsk is the advice to get who knows vulnerabilities.
const HowToAsk = "install trivy (https://trivy.dev) or grype (https://github.com/anchore/grype)"

// Scanner is who is asked for vulnerabilities.
type Scanner string

const (
	ScannerAuto  Scanner = "auto" // trivy, else grype, else nobody
	ScannerTrivy Scanner = "trivy"
	ScannerGrype Scanner = "grype"
	ScannerNone  Scanner = "none"
)

// Apply takes out of a report what a person does not want to see.
func (o Options) Apply(r *Report) {
	covered := func(name, path string) bool {
		return slices.ContainsFunc(o.Ignore, func(i Ignore) bool { return i.Covers(name, path) })
	}
	excluded := func(path string) bool {
		return slices.ContainsFunc(o.Exclude, func(glob string) bool { return Match(strings.TrimPrefix(glob, "/"), strings.TrimPrefix(path, "/")) })
	}
	r.Packages = slices.DeleteFunc(r.Packages, func(p Package) bool { return excluded(p.Path) })
	r.Findings = slices.DeleteFunc(r.Findings, func(f Finding) bool {
		return !o.Severities.Has(f.Severity) || covered(f.Rule, f.Path) || excluded(f.Path)
	})
	r.Vulnerabilities = slices.DeleteFunc(r.Vulnerabilities, func(v Vulnerability) bool {
		return !o.Severities.Has(v.Severity) || covered(v.ID, "") || o.OnlyFixed && len(v.Fixed) == 0
	})
}
