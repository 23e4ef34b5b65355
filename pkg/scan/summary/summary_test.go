package summary

import (
	"strings"
	"testing"
	"unicode"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/scan"
)

func sample() *scan.Report {
	return &scan.Report{
		Image: scan.Image{
			Name: "localhost/app:1", ID: strings.Repeat("ab", 32), OS: "linux", Architecture: "arm", Variant: "v7",
			Layers: []scan.Layer{{Size: 1500}, {Size: 500}},
		},
		Distribution: scan.Distribution{ID: "alpine", VersionID: "3.20"},
		Packages: []scan.Package{
			{Type: "apk", Name: "musl", Version: "1", Path: "/lib/apk/db/installed", Layer: 1},
			{Type: "golang", Namespace: "example.org", Name: "a", Version: "v1", Path: "/bin/a", Layer: 2},
			{Type: "golang", Name: "stdlib", Version: "1.26", Path: "/bin/a", Layer: 2},
		},
		Findings: []scan.Finding{
			{Rule: scan.RuleSecretFile, Severity: scan.Critical, Message: "it holds a key", Path: "/k", Line: 3, Layer: 2, Instruction: "COPY . ."},
			{Rule: scan.RuleRoot, Severity: scan.Medium, Message: "root"},
		},
		Vulnerabilities: []scan.Vulnerability{{ID: "CVE-1", Severity: scan.Low, Package: "musl", Version: "1", Title: strings.Repeat("long ", 40)}},
		Scanner:         "trivy", Notes: []string{"/x cannot be read"},
	}
}

func write(t *testing.T, r *scan.Report, o Options) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, r, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	text := write(t, sample(), Options{})
	for _, want := range []string{
		"Image:         localhost/app:1\n", "linux/arm/v7\n", "2, 2kB\n", "alpine 3.20\n", "\nPACKAGES\n", "\napk         1\ngolang      2\n",
		"CRITICAL    secret-file  2           /k:3        it holds a key (COPY . .)\n", "MEDIUM      root-user    -           -           root\n",
		"\nVULNERABILITIES (trivy)\n", "CVE-1", "…\n", "\nNOTES\n/x cannot be read\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if text := write(t, sample(), Options{AllPackages: true}); !strings.Contains(text, "golang      example.org/a  v1          2           /bin/a\n") {
		t.Errorf("packages are not listed:\n%s", text)
	}
}

func TestWriteOfNothing(t *testing.T) {
	text := write(t, &scan.Report{}, Options{Style: report.Docker})
	if strings.Count(text, "\nnone\n") != 2 || strings.Contains(text, "VULNERABILITIES") || strings.Contains(text, "NOTES") {
		t.Errorf("got\n%s", text)
	}
}

// Nothing of an image acts on the terminal or forges a line.
func TestWriteEscapes(t *testing.T) {
	const evil = "\x1b[2J\nCRITICAL\u202e\u009b\x07"
	r := sample()
	lines := strings.Count(write(t, r, Options{AllPackages: true}), "\n")
	r.Image.Name, r.Image.OS, r.Distribution.Name, r.Scanner, r.Notes = evil, evil, evil, evil, []string{evil}
	for i := range r.Packages {
		r.Packages[i].Name, r.Packages[i].Version, r.Packages[i].Path, r.Packages[i].Namespace = evil, evil, evil, evil
	}
	for i := range r.Findings {
		r.Findings[i].Path, r.Findings[i].Message, r.Findings[i].Instruction = evil, evil, evil
	}
	v := &r.Vulnerabilities[0]
	v.ID, v.Package, v.Version, v.Title, v.Fixed = evil, evil, evil, evil, []string{evil}
	text := write(t, r, Options{AllPackages: true})
	if got := strings.Count(text, "\n"); got != lines {
		t.Errorf("%d lines instead of %d", got, lines)
	}
	for _, c := range text {
		if c != '\n' && (unicode.IsControl(c) || c == '\u202e') {
			t.Fatalf("%q is in %q", c, text)
		}
	}
}
