package scan

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

func TestParseSeverities(t *testing.T) {
	for word, want := range map[string]Severities{
		"high": {High}, "HIGH,critical": {High, Critical}, "medium+": {Medium, High, Critical}, "low, unknown": {Low, Unknown}, "critical+": {Critical},
	} {
		if got, err := ParseSeverities(word); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v", word, got, err)
		}
	}
	for _, word := range []string{"", "severe", "none", "high,", "high,none"} {
		if got, err := ParseSeverities(word); err == nil {
			t.Errorf("%q: %v", word, got)
		}
	}
}

func TestSeverityInJSON(t *testing.T) {
	text, err := json.Marshal([]Severity{None, Low, Critical})
	var back []Severity
	if err != nil || json.Unmarshal(text, &back) != nil || string(text) != `["NONE","LOW","CRITICAL"]` || !slices.Equal(back, []Severity{None, Low, Critical}) {
		t.Errorf("%s, %v, %v", text, back, err)
	}
	if json.Unmarshal([]byte(`["Moderate"]`), &back) != nil || back[0] != Unknown {
		t.Errorf("a word of others is %v", back)
	}
}

func TestIgnore(t *testing.T) {
	cases := map[string]map[[2]string]bool{
		"setuid":            {{"setuid", "/bin/su"}: true, {"root-user", ""}: false},
		"SETUID:/bin/*":     {{"setuid", "/bin/su"}: true, {"setuid", "/usr/bin/su"}: false},
		"setuid:usr":        {{"setuid", "/usr/bin/su"}: true},
		"setuid:**/su":      {{"setuid", "/usr/bin/su"}: true, {"setuid", "/su"}: true, {"setuid", "/usr/bin/sudo"}: false},
		"secret-*":          {{"secret-file", "/x"}: true, {"secret-env", ""}: true, {"setuid", "/x"}: false},
		"CVE-2026-1":        {{"CVE-2026-1", ""}: true, {"cve-2026-1", ""}: true, {"CVE-2026-12", ""}: false},
		"GHSA-ab12-cd34-ef": {{"GHSA-ab12-cd34-ef", ""}: true},
	}
	for word, answers := range cases {
		i, err := ParseIgnore(word)
		if err != nil {
			t.Errorf("%q: %v", word, err)
		}
		for finding, want := range answers {
			if i.Covers(finding[0], finding[1]) != want {
				t.Errorf("%q covers %q: %v", word, finding, !want)
			}
		}
	}
	for _, word := range []string{"", ":x", "setuids", "setuid:[", "[", "root"} {
		if i, err := ParseIgnore(word); err == nil {
			t.Errorf("%q is taken as %+v", word, i)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for word, want := range map[string]Format{
		"table": FormatTable, "JSON": FormatJSON, "spdx": FormatSPDX, "spdx-json": FormatSPDX, "cyclonedx": FormatCycloneDX, "sarif": FormatSARIF,
		"{{.Image.Name}}": FormatTemplate, "template": FormatTemplate,
	} {
		if got, err := ParseFormat(word); err != nil || got != want {
			t.Errorf("%q: %q, %v", word, got, err)
		}
	}
	if _, err := ParseFormat("xml"); err == nil || !strings.Contains(err.Error(), "cyclonedx-json") {
		t.Errorf("got %v", err)
	}
}

func TestApply(t *testing.T) {
	report := func() *Report {
		return &Report{
			Packages: []Package{{Name: "a", Path: "/opt/a/x"}, {Name: "b", Path: "/b"}},
			Findings: []Finding{{Rule: "setuid", Severity: Low, Path: "/opt/su"}, {Rule: "root-user", Severity: Medium}},
			Vulnerabilities: []Vulnerability{
				{ID: "CVE-1", Severity: High, Fixed: []string{"2"}}, {ID: "CVE-2", Severity: Critical},
			},
		}
	}
	for name, c := range map[string]struct {
		o     Options
		count [3]int
		worst Severity
	}{
		"all":      {Options{}, [3]int{2, 2, 2}, Critical},
		"severity": {Options{Severities: Severities{Low, High}}, [3]int{2, 1, 1}, High},
		"exclude":  {Options{Exclude: []string{"/opt"}}, [3]int{1, 1, 2}, Critical},
		"ignore":   {Options{Ignore: []Ignore{{Name: "root-user"}, {Name: "cve-2"}}}, [3]int{2, 1, 1}, High},
		"fixed":    {Options{OnlyFixed: true}, [3]int{2, 2, 1}, High},
		"nothing":  {Options{Severities: Severities{Negligible}}, [3]int{2, 0, 0}, None},
	} {
		r := report()
		c.o.Apply(r)
		if got := [3]int{len(r.Packages), len(r.Findings), len(r.Vulnerabilities)}; got != c.count || r.Worst() != c.worst {
			t.Errorf("%s: %v, worst %s", name, got, r.Worst())
		}
	}
}
