// Package summary shows a report to a person, as tables.
package summary

import (
	"fmt"
	"io"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/scan"
)

// Options say what is shown.
type Options struct {
	AllPackages bool // each; else how many of each type
	Style       report.Style
}

// Write shows the report. Everything from the image is escaped.
func Write(w io.Writer, r *scan.Report, o Options) error {
	s := &sections{w: w, style: o.Style}
	s.table("", image(r))
	if o.AllPackages {
		s.table("PACKAGES", packages(r))
	} else {
		s.table("PACKAGES", packageCounts(r))
	}
	s.table("FINDINGS", findings(r))
	if r.Scanner != "" {
		s.table("VULNERABILITIES ("+r.Scanner+")", vulnerabilities(r))
	}
	for i, note := range r.Notes {
		if i == 0 {
			s.line("\nNOTES\n")
		}
		s.line(report.Escape(note) + "\n")
	}
	return s.err
}

// sections writes until the first error.
type sections struct {
	w     io.Writer
	style report.Style
	err   error
}

func (s *sections) line(text string) {
	if s.err == nil {
		_, s.err = io.WriteString(s.w, text)
	}
}

// table writes a section; one that has nothing but column names says none.
func (s *sections) table(title string, rows [][]string) {
	if title != "" {
		s.line("\n" + report.Escape(title) + "\n")
		if len(rows) < 2 {
			s.line("none\n")
			return
		}
	}
	if s.err == nil {
		s.err = report.Table(s.w, rows, s.style)
	}
}

func image(r *scan.Report) [][]string {
	var size int64
	for _, l := range r.Image.Layers {
		size += l.Size
	}
	platform := r.Image.OS + "/" + r.Image.Architecture
	if r.Image.Variant != "" {
		platform += "/" + r.Image.Variant
	}
	rows := [][]string{
		{"Image:", r.Image.Name},
		{"Id:", r.Image.ID},
		{"Platform:", platform},
		{"Layers:", fmt.Sprintf("%d, %s", len(r.Image.Layers), report.Size(size))},
	}
	if d := r.Distribution; d.ID != "" {
		name := d.Name
		if name == "" {
			name = d.ID + " " + d.VersionID
		}
		rows = append(rows, []string{"Distribution:", name})
	}
	return rows
}

func packageCounts(r *scan.Report) [][]string {
	rows := [][]string{{"TYPE", "COUNT"}}
	for i := 0; i < len(r.Packages); { // they are sorted by type
		n := i
		for n < len(r.Packages) && r.Packages[n].Type == r.Packages[i].Type {
			n++
		}
		rows = append(rows, []string{r.Packages[i].Type, fmt.Sprint(n - i)})
		i = n
	}
	return rows
}

func packages(r *scan.Report) [][]string {
	rows := [][]string{{"TYPE", "NAME", "VERSION", "LAYER", "PATH"}}
	for _, p := range r.Packages {
		name := p.Name
		if p.Namespace != "" && (p.Type == "golang" || p.Type == "npm" || p.Type == "maven") {
			name = p.Namespace + "/" + p.Name
		}
		rows = append(rows, []string{p.Type, name, p.Version, fmt.Sprint(p.Layer), p.Path})
	}
	return rows
}

func findings(r *scan.Report) [][]string {
	rows := [][]string{{"SEVERITY", "RULE", "LAYER", "PATH", "MESSAGE"}}
	for _, f := range r.Findings {
		layer, where := "-", f.Path
		if f.Layer > 0 {
			layer = fmt.Sprint(f.Layer)
		}
		if f.Line > 0 {
			where += fmt.Sprintf(":%d", f.Line)
		}
		if where == "" {
			where = "-"
		}
		message := f.Message
		if f.Instruction != "" && !strings.HasPrefix(f.Rule, "package-") && f.Severity >= scan.High {
			message += " (" + shorten(f.Instruction) + ")"
		}
		rows = append(rows, []string{f.Severity.String(), f.Rule, layer, where, message})
	}
	return rows
}

func vulnerabilities(r *scan.Report) [][]string {
	rows := [][]string{{"SEVERITY", "ID", "PACKAGE", "VERSION", "FIXED IN", "TITLE"}}
	for _, v := range r.Vulnerabilities {
		fixed := strings.Join(v.Fixed, ", ")
		if fixed == "" {
			fixed = "-"
		}
		rows = append(rows, []string{v.Severity.String(), v.ID, v.Package, v.Version, fixed, shorten(v.Title)})
	}
	return rows
}

// shorten keeps a line of a table readable.
func shorten(s string) string {
	const most = 72
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
