package provenance

import (
	"net/url"
	"strings"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// ImageURL is the package URL of an image (https://github.com/package-url/purl-spec), as BuildKit writes it: pkg:docker/NAME@TAG?platform=... Images of
// docker.io go by the names that people write. The name is full, with a tag, a digest or both.
func ImageURL(name string, p plan.Platform) string {
	name, sum, _ := strings.Cut(name, "@")
	tag := ""
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		name, tag = name[:i], name[i+1:]
	}
	name = strings.TrimPrefix(name, "docker.io/")
	if rest, ok := strings.CutPrefix(name, "library/"); ok && !strings.Contains(rest, "/") {
		name = rest
	}
	if tag == "" && sum == "" {
		tag = "latest"
	}
	return packageURL("docker", name, tag, sum, p)
}

// LocalImageURL is that of an image that was taken out of an OCI layout.
func LocalImageURL(name, sum string, p plan.Platform) string {
	return packageURL("oci", name, "", sum, p)
}

func packageURL(kind, name, tag, sum string, p plan.Platform) string {
	parts := strings.Split(name, "/")
	for i, part := range parts {
		parts[i] = escape(part)
	}
	s := "pkg:" + kind + "/" + strings.Join(parts, "/")
	if tag != "" {
		s += "@" + escape(tag)
	}
	// In the order of their keys.
	var qualifiers []string
	if sum != "" {
		qualifiers = append(qualifiers, "digest="+escape(sum))
	}
	if p.OS != "" {
		qualifiers = append(qualifiers, "platform="+url.QueryEscape(p.String()))
	}
	if len(qualifiers) > 0 {
		s += "?" + strings.Join(qualifiers, "&")
	}
	return s
}

// escape is percent encoding of what is not itself in a package URL; the colon is.
func escape(s string) string { return strings.ReplaceAll(url.PathEscape(s), "%3A", ":") }

// Redact takes the credentials out of an address (CVE-2023-26054).
func Redact(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.User == nil {
		if i := strings.Index(address, "://"); err != nil && i >= 0 {
			// It cannot be read, so it cannot be told what in it is secret.
			if at := strings.LastIndexByte(address, '@'); at > i {
				return address[:i+3] + address[at+1:]
			}
		}
		return address
	}
	if _, secret := u.User.Password(); secret || u.Scheme != "ssh" {
		u.User = nil
	}
	return u.String()
}
