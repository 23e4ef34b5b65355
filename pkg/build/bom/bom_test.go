package bom

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestMerge(t *testing.T) {
	for name, c := range map[string]struct {
		how       Strategy
		documents []string
		want      string
		purls     string
	}{
		"cyclonedx": {
			CycloneDX,
			[]string{
				`{"bomFormat": "CycloneDX", "version": 1, "components": [{"name": "a", "version": "1", "purl": "pkg:npm/a@1"}, {"name": "b"}]}`,
				`{"bomFormat": "other", "components": [{"name": "a", "version": "1", "purl": "pkg:npm/a@1?x"}, {"name": "a", "version": "2", "purl": "pkg:npm/a@2"}]}`,
			},
			`{"bomFormat": "CycloneDX", "version": 1, "components": [{"name": "a", "version": "1", "purl": "pkg:npm/a@1"}, {"name": "b"}, {"name": "a", "version": "2", "purl": "pkg:npm/a@2"}]}`,
			`pkg:npm/a@1 pkg:npm/a@2`,
		},
		"spdx": {
			SPDX,
			[]string{
				`{"packages": [{"name": "a", "versionInfo": "1", "externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": "cpe"}, {"referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}]}]}`,
				`{"packages": [{"name": "a", "versionInfo": "1"}, {"name": "c", "SPDXID": "X"}, {"name": "d", "SPDXID": "X"}], "hasExtractedLicensingInfos": [{"licenseId": "L"}]}`,
				`{}`,
			},
			`{"packages": [{"name": "a", "versionInfo": "1", "externalRefs": [{"referenceType": "cpe23Type", "referenceLocator": "cpe"}, {"referenceType": "purl", "referenceLocator": "pkg:npm/a@1"}]}, {"name": "c", "SPDXID": "X"}, {"name": "d", "SPDXID": "X-2"}], "hasExtractedLicensingInfos": [{"licenseId": "L"}]}`,
			`pkg:npm/a@1`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var documents [][]byte
			for _, d := range c.documents {
				documents = append(documents, []byte(d))
			}
			merged, err := Merge(c.how, documents)
			if err != nil {
				t.Fatal(err)
			}
			var got, want any
			if err := json.Unmarshal(merged, &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(c.want), &want); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %s", merged)
			}
			text, err := PURLs(c.how, merged)
			if err != nil {
				t.Fatal(err)
			}
			var p purls
			if err := json.Unmarshal(text, &p); err != nil {
				t.Fatal(err)
			}
			var urls []string
			for _, d := range p.Contents.Dependencies {
				urls = append(urls, d.PURL)
			}
			if strings.Join(urls, " ") != c.purls {
				t.Errorf("the package URLs are %s", text)
			}
		})
	}
	if got, err := Merge(Cat, [][]byte{[]byte("a\n"), []byte("b\n")}); err != nil || string(got) != "a\nb\n" {
		t.Errorf("cat gives %q, %v", got, err)
	}
	if _, err := Merge(SPDX, [][]byte{[]byte("{}"), []byte("no")}); err == nil {
		t.Error("what is not JSON is merged")
	}
	if _, err := PURLs(Cat, nil); err == nil {
		t.Error("package URLs come out of any text")
	}
}

func TestWords(t *testing.T) {
	for command, want := range map[string][]string{
		"/syft scan  dir:{ROOTFS}":      {"/syft", "scan", "dir:{ROOTFS}"},
		`sh -c 'a "b" \c' "d 'e'" f\ g`: {"sh", "-c", `a "b" \c`, "d 'e'", "f g"},
		`a ""`:                          {"a", ""},
		`a 'b`:                          nil,
		`a \`:                           nil,
		"  ":                            nil,
	} {
		got, err := Words(command)
		if !slices.Equal(got, want) || (err == nil) != (want != nil) {
			t.Errorf("%q: %q, %v", command, got, err)
		}
	}
}

func TestPresets(t *testing.T) {
	for _, name := range []string{"pod", "pod-spdx", "pod-cyclonedx", "syft", "syft-cyclonedx", "syft-spdx", "trivy", "trivy-cyclonedx", "trivy-spdx"} {
		p, err := ParsePreset(name)
		if err != nil || p.Strategy == "" || (p.Image == "") != strings.HasPrefix(name, "pod") {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if want := SPDX; (strings.HasSuffix(name, "spdx") || name == "pod") != (p.Strategy == want) {
			t.Errorf("%s merges by %s", name, p.Strategy)
		}
	}
	if _, err := ParsePreset("rpc"); err == nil {
		t.Error("any word is a preset")
	}
}
