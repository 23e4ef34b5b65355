package scan

import "time"

// SchemaVersion is that of the JSON report. It changes when a field changes its meaning or goes away.
const SchemaVersion = 1

// Report is everything that was found. Its fields are the keys of --format json and the fields of templates.
type Report struct {
	SchemaVersion   int
	Image           Image
	Distribution    Distribution
	Packages        []Package
	Findings        []Finding
	Vulnerabilities []Vulnerability
	Scanner         string   // the program that was asked for vulnerabilities, with its version; empty: none
	Notes           []string // what could not be looked at, and why
}

// Image is the image that was looked at.
type Image struct {
	Name         string
	ID           string // 64 hexadecimal digits
	Digest       string // of the manifest
	RepoTags     []string
	RepoDigests  []string
	OS           string
	Architecture string
	Variant      string `json:",omitempty"`
	Created      time.Time
	Layers       []Layer // oldest first
}

// Layer is one layer. Its number, by which findings name it, is its place in Image.Layers, from 1.
type Layer struct {
	Digest      string // of the unpacked layer
	Instruction string // that made it; empty: the image does not say
	Size        int64  // bytes of its files
	// Dirs are the directories that hold it, newest first; they are no part of a report.
	Dirs []string `json:",omitempty"`
}

// Distribution is what os-release(5) of the image says.
type Distribution struct {
	ID        string // "debian"
	Like      []string
	VersionID string
	Codename  string
	Name      string // for a person
}

// Package is one installed package.
type Package struct {
	Type      string // as in a package URL: deb, apk, rpm, golang, npm, pypi, maven, gem, cargo
	Namespace string `json:",omitempty"`
	Name      string
	Version   string
	Arch      string   `json:",omitempty"`
	Source    Source   `json:",omitzero"`
	Licenses  []string `json:",omitempty"` // as the package says, not checked
	PURL      string
	Path      string // the file that says so, in the image
	Layer     int    // that brought the file
}

// Source is the source package that a distribution's package is made from, where that has another name or version.
type Source struct{ Name, Version string }

// Finding is one fault.
type Finding struct {
	Rule        string
	Severity    Severity
	Message     string
	Path        string `json:",omitempty"`
	Line        int    `json:",omitempty"`
	Layer       int    `json:",omitempty"` // that brought it; 0: the configuration
	Instruction string `json:",omitempty"` // that made the layer
	RemovedIn   int    `json:",omitempty"` // the layer that deleted or replaced the file, in vain: it can still be had
	Bytes       int64  `json:",omitempty"` // wasted
}

// Vulnerability is what trivy or grype say of a package.
type Vulnerability struct {
	ID       string
	Severity Severity
	Package  string
	Version  string
	Fixed    []string `json:",omitempty"` // versions without it
	Title    string   `json:",omitempty"`
	URL      string   `json:",omitempty"`
	PURL     string   `json:",omitempty"`
}

// Worst is the highest severity in the report, None when nothing is in it.
func (r *Report) Worst() Severity {
	worst := None
	for _, f := range r.Findings {
		worst = max(worst, f.Severity)
	}
	for _, v := range r.Vulnerabilities {
		worst = max(worst, v.Severity)
	}
	return worst
}
