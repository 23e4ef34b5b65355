package inventory

import (
	"strings"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// distribution reads os-release(5).
func distribution(img *layerfs.Image) scan.Distribution {
	for _, name := range []string{"etc/os-release", "usr/lib/os-release"} {
		n := img.Lookup(name)
		if n == nil {
			continue
		}
		text, err := n.Read(1 << 16)
		if err != nil {
			continue
		}
		values := make(map[string]string)
		for line := range strings.Lines(string(text)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			if ok && !strings.HasPrefix(key, "#") {
				values[key] = unquote(value)
			}
		}
		d := scan.Distribution{
			ID: values["ID"], Like: strings.Fields(values["ID_LIKE"]), VersionID: values["VERSION_ID"],
			Codename: values["VERSION_CODENAME"], Name: values["PRETTY_NAME"],
		}
		if d.ID == "debian" && d.VersionID == "" {
			d.VersionID = d.Codename // testing and unstable have no number
		}
		return d
	}
	return scan.Distribution{}
}

// unquote reads a value of a shell assignment, as far as os-release(5) allows them.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		s = s[1 : len(s)-1]
	}
	return strings.NewReplacer(`\"`, `"`, `\\`, `\`, `\$`, `$`, "\\`", "`").Replace(s)
}
