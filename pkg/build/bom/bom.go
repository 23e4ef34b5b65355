// Package bom puts bills of materials together as podman's --sbom flags have it: several documents become one, and from them the package URLs are
// taken (buildah-build(1), --sbom-merge-strategy and --sbom-purl-output).
package bom

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Strategy is how documents become one.
type Strategy string

const (
	Cat       Strategy = "cat"
	CycloneDX Strategy = "merge-cyclonedx-by-component-name-and-version"
	SPDX      Strategy = "merge-spdx-by-package-name-and-versioninfo"
)

// ParseStrategy reads --sbom-merge-strategy.
func ParseStrategy(s string) (Strategy, error) {
	switch known := Strategy(s); known {
	case Cat, CycloneDX, SPDX:
		return known, nil
	}
	return "", fmt.Errorf("%q: it is %s, %s or %s", s, Cat, CycloneDX, SPDX)
}

// Preset is a combination of a scanner's image, its commands and a strategy that has a name.
type Preset struct {
	Image    string // empty: pod itself lists the packages
	Commands []string
	Strategy Strategy
}

// ParsePreset reads the names that podman has for --sbom, and "pod", "pod-spdx" and "pod-cyclonedx".
func ParsePreset(s string) (Preset, error) {
	syft := func(format string, strategy Strategy) Preset {
		return Preset{"ghcr.io/anchore/syft", []string{"/syft scan -q dir:{ROOTFS} --output " + format + "={OUTPUT}", "/syft scan -q dir:{CONTEXT} --output " + format + "={OUTPUT}"}, strategy}
	}
	trivy := func(format string, strategy Strategy) Preset {
		return Preset{"ghcr.io/aquasecurity/trivy", []string{"trivy filesystem -q {ROOTFS} --format " + format + " --output {OUTPUT}", "trivy filesystem -q {CONTEXT} --format " + format + " --output {OUTPUT}"}, strategy}
	}
	switch s {
	case "pod", "pod-spdx":
		return Preset{Strategy: SPDX}, nil
	case "pod-cyclonedx":
		return Preset{Strategy: CycloneDX}, nil
	case "syft", "syft-cyclonedx":
		return syft("cyclonedx-json", CycloneDX), nil
	case "syft-spdx":
		return syft("spdx-json", SPDX), nil
	case "trivy", "trivy-cyclonedx":
		return trivy("cyclonedx", CycloneDX), nil
	case "trivy-spdx":
		return trivy("spdx-json", SPDX), nil
	}
	return Preset{}, fmt.Errorf("%q: it is true, false, generator=IMAGE, or one of pod, pod-cyclonedx, pod-spdx, syft, syft-cyclonedx, syft-spdx, trivy, trivy-cyclonedx and trivy-spdx", s)
}

// Merge makes one document of several, of which there is at least one.
func Merge(how Strategy, documents [][]byte) ([]byte, error) {
	if how == Cat {
		return bytes.Join(documents, nil), nil
	}
	merged, err := decode(documents[0])
	if err != nil {
		return nil, err
	}
	for _, text := range documents[1:] {
		more, err := decode(text)
		if err != nil {
			return nil, err
		}
		for _, l := range how.lists() {
			l.merge(merged, more)
		}
	}
	text, err := json.MarshalIndent(merged, "", "  ")
	return append(text, '\n'), err
}

func decode(text []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var document map[string]any
	if err := d.Decode(&document); err != nil {
		return nil, fmt.Errorf("a document of the scanner is not JSON: %w", err)
	}
	return document, nil
}

// list is a list of a document whose entries are known by some of their fields, and have an identifier that is theirs alone in a document.
type list struct {
	name string
	keys []string
	id   string
}

func (how Strategy) lists() []list {
	if how == CycloneDX {
		return []list{{"components", []string{"name", "version"}, "bom-ref"}}
	}
	return []list{{"packages", []string{"name", "versionInfo"}, "SPDXID"}, {"hasExtractedLicensingInfos", []string{"licenseId"}, "licenseId"}}
}

// merge adds the entries of more that merged does not have.
func (l list) merge(merged, more map[string]any) {
	have, _ := merged[l.name].([]any)
	known, ids := map[string]bool{}, map[string]bool{}
	for _, entry := range have {
		known[l.key(entry)] = true
		l.identify(entry, ids)
	}
	add, _ := more[l.name].([]any)
	for _, entry := range add {
		if key := l.key(entry); !known[key] {
			known[key] = true
			l.identify(entry, ids)
			have = append(have, entry)
		}
	}
	if have != nil {
		merged[l.name] = have
	}
}

// identify gives an entry another identifier when another entry has its own.
func (l list) identify(entry any, ids map[string]bool) {
	fields, _ := entry.(map[string]any)
	id, ok := fields[l.id].(string)
	if !ok {
		return
	}
	unique := id
	for n := 2; ids[unique]; n++ {
		unique = fmt.Sprintf("%s-%d", id, n)
	}
	ids[unique], fields[l.id] = true, unique
}

func (l list) key(entry any) string {
	fields, _ := entry.(map[string]any)
	var parts []string
	for _, name := range l.keys {
		value, _ := fields[name].(string)
		parts = append(parts, fmt.Sprintf("%q", value))
	}
	return strings.Join(parts, " ")
}

// purls is podman's form of a list of package URLs.
type purls struct {
	Contents struct {
		Dependencies []purl `json:"dependencies"`
	} `json:"image_contents"`
}

type purl struct {
	PURL string `json:"purl"`
}

// PURLs gives the package URLs of a merged document, each once, in its order.
func PURLs(how Strategy, document []byte) ([]byte, error) {
	if how == Cat {
		return nil, errors.New("package URLs cannot be taken out of documents that are only concatenated")
	}
	fields, err := decode(document)
	if err != nil {
		return nil, err
	}
	out := purls{}
	out.Contents.Dependencies = []purl{}
	seen := map[string]bool{}
	entries, _ := fields[how.lists()[0].name].([]any)
	for _, entry := range entries {
		for _, url := range urlsOf(entry) {
			if !seen[url] {
				seen[url] = true
				out.Contents.Dependencies = append(out.Contents.Dependencies, purl{url})
			}
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	return append(text, '\n'), err
}

// urlsOf are the package URLs of a component of CycloneDX, or of a package of SPDX.
func urlsOf(entry any) []string {
	fields, _ := entry.(map[string]any)
	if url, _ := fields["purl"].(string); url != "" {
		return []string{url}
	}
	var out []string
	references, _ := fields["externalRefs"].([]any)
	for _, r := range references {
		reference, _ := r.(map[string]any)
		if url, _ := reference["referenceLocator"].(string); reference["referenceType"] == "purl" && url != "" {
			out = append(out, url)
		}
	}
	return out
}

// Words splits a command as a shell does, without expanding anything.
func Words(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord, quote, escaped := false, rune(0), false
	for _, c := range command {
		switch {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			inWord, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '\'' || c == '"':
			inWord, quote = true, c
		case c == ' ' || c == '\t' || c == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if quote != 0 || escaped {
		return nil, fmt.Errorf("the command %q ends within quotes", command)
	}
	if inWord {
		words = append(words, word.String())
	}
	if len(words) == 0 {
		return nil, errors.New("a command is empty")
	}
	return words, nil
}
