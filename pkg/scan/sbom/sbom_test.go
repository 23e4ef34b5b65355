package sbom

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	cdx "github.com/CycloneDX/cyclonedx-go"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/pod-engine/pod/pkg/scan"
)

var update = flag.Bool("update", false, "write golden files anew instead of comparing them")

func maker() Maker { return Maker{Version: "1.0", Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

// sample is a report with one of everything.
func sample() *scan.Report {
	return &scan.Report{
		SchemaVersion: scan.SchemaVersion,
		Image: scan.Image{
			Name: "localhost:5000/team/app:1", ID: strings.Repeat("ab", 32), Digest: "sha256:" + strings.Repeat("cd", 32),
			RepoDigests: []string{"localhost:5000/team/app@sha256:" + strings.Repeat("cd", 32)}, OS: "linux", Architecture: "amd64",
			Layers: []scan.Layer{{Digest: "sha256:" + strings.Repeat("01", 32), Instruction: "COPY . /", Size: 12}},
		},
		Distribution: scan.Distribution{ID: "debian", VersionID: "12", Name: "Debian GNU/Linux 12"},
		Packages: []scan.Package{
			{Type: "deb", Namespace: "debian", Name: "libc6", Version: "2.36-9", Arch: "amd64", Source: scan.Source{Name: "glibc"}, PURL: "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc", Path: "/var/lib/dpkg/status", Layer: 1},
			{Type: "golang", Namespace: "golang.org/x", Name: "sys", Version: "v0.1.0", PURL: "pkg:golang/golang.org/x/sys@v0.1.0", Path: "/bin/a", Layer: 1},
			{Type: "golang", Namespace: "golang.org/x", Name: "sys", Version: "v0.1.0", PURL: "pkg:golang/golang.org/x/sys@v0.1.0", Path: "/bin/b", Layer: 1},
			{Type: "maven", Namespace: "org.example", Name: "lib", Version: "1", PURL: "pkg:maven/org.example/lib@1", Path: "/lib.jar", Layer: 1},
			{Type: "npm", Name: "left-pad", Version: "1.3.0", Licenses: []string{"WTFPL"}, PURL: "pkg:npm/left-pad@1.3.0", Path: "/node_modules/left-pad/package.json", Layer: 1},
			{Type: "npm", Name: "\x1b[2J\u202e\u009b", Version: "\x07", PURL: "pkg:npm/%1B", Path: "/\x1b]0;x\x07", Layer: 1},
		},
		Findings: []scan.Finding{
			{Rule: scan.RuleSecretFile, Severity: scan.Critical, Message: "it holds a private key", Path: "/root/key", Line: 3, Layer: 1},
			{Rule: scan.RuleRoot, Severity: scan.Medium, Message: "the image says no user, so its process is root"},
		},
		Vulnerabilities: []scan.Vulnerability{
			{ID: "CVE-2026-1", Severity: scan.High, Package: "libc6", Version: "2.36-9", Fixed: []string{"2.37"}, Title: "overflow", URL: "https://example.org/1", PURL: "pkg:deb/debian/libc6@2.36-9?arch=amd64&distro=debian-12&upstream=glibc"},
			{ID: "CVE-2026-1", Severity: scan.High, Package: "elsewhere", Version: "1", PURL: "pkg:generic/elsewhere@1"},
			{ID: "CVE-2026-2", Severity: scan.Negligible, Package: "left-pad", Version: "1.3.0", PURL: "pkg:npm/left-pad@1.3.0"},
		},
		Scanner: "trivy",
	}
}

// golden writes a document, compares it with its file, and checks that nothing in it acts on a terminal.
func golden(t *testing.T, name string, write func(io.Writer, *scan.Report, Maker) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b, sample(), maker()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b.Bytes(), want) {
		t.Errorf("%s differs from what is written now; if that is right: make generate\n%s", path, b.String())
	}
	for _, r := range b.String() {
		if r != '\n' && (unicode.IsControl(r) || r >= 0x202a && r <= 0x202e) {
			t.Errorf("%s holds %q", name, r)
		}
	}
	return b.Bytes()
}

func TestSPDX(t *testing.T) {
	text := golden(t, "sample.spdx.json", WriteSPDX)
	var doc v2_3.Document
	if err := spdxjson.ReadInto(bytes.NewReader(text), &doc); err != nil {
		t.Fatal(err)
	}
	want := spdx(sample(), maker())
	if len(doc.Packages) != len(want.Packages) || len(doc.Relationships) != len(want.Relationships) || doc.SPDXVersion != "SPDX-2.3" {
		t.Errorf("%s with %d packages and %d relationships came back", doc.SPDXVersion, len(doc.Packages), len(doc.Relationships))
	}
	ids := map[string]bool{}
	for i, p := range doc.Packages {
		id := string(p.PackageSPDXIdentifier)
		if ids[id] || id != string(want.Packages[i].PackageSPDXIdentifier) {
			t.Errorf("identifier %q is there twice, or came back as another", id)
		}
		ids[id] = true
	}
	for _, r := range doc.Relationships {
		if !ids[string(r.RefB.ElementRefID)] {
			t.Errorf("a relationship leads to %q, which is not there", r.RefB.ElementRefID)
		}
	}
}

func TestCycloneDX(t *testing.T) {
	text := golden(t, "sample.cdx.json", WriteCycloneDX)
	var bom cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&bom); err != nil {
		t.Fatal(err)
	}
	if bom.SpecVersion != cdx.SpecVersion1_6 || len(*bom.Components) != 1+len(sample().Packages) || len(*bom.Vulnerabilities) != 2 {
		t.Errorf("version %s with %d components and %d vulnerabilities came back", bom.SpecVersion, len(*bom.Components), len(*bom.Vulnerabilities))
	}
	references := map[string]bool{bom.Metadata.Component.BOMRef: true}
	for _, c := range *bom.Components {
		if references[c.BOMRef] {
			t.Errorf("reference %q is there twice", c.BOMRef)
		}
		references[c.BOMRef] = true
	}
	for _, v := range *bom.Vulnerabilities {
		for _, a := range *v.Affects {
			if !references[a.Ref] {
				t.Errorf("%s affects %q, which is not there", v.ID, a.Ref)
			}
		}
	}
}

func TestSARIF(t *testing.T) {
	var log struct {
		Runs []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct{ RuleID, Level string }
		}
	}
	if err := json.Unmarshal(golden(t, "sample.sarif.json", WriteSARIF), &log); err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, r := range log.Runs[0].Tool.Driver.Rules {
		rules[r.ID] = true
	}
	if len(log.Runs[0].Results) != 5 {
		t.Errorf("%d results", len(log.Runs[0].Results))
	}
	for _, r := range log.Runs[0].Results {
		if !rules[r.RuleID] {
			t.Errorf("the rule %s is not described", r.RuleID)
		}
	}
}

// Documents of the same image differ in name when they are of another time.
func TestIdentity(t *testing.T) {
	img, m := sample().Image, maker()
	later := m
	later.Time = m.Time.Add(time.Second)
	first, again := m.identity(img), m.identity(img)
	if first != again || first == later.identity(img) || len(first) != 36 {
		t.Errorf("%s, again %s, later %s", first, again, later.identity(img))
	}
}
