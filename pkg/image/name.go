package image

import (
	"fmt"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
)

// Name is an image name taken apart: domain/path:tag@digest. The grammar is that of the distribution reference, which is
// written out here by hand because compiling its regular expressions would cost each command half a millisecond.
type Name struct {
	Domain string // "docker.io", "localhost", "registry:5000"; empty in a short name
	Path   string // "library/alpine"
	Tag    string
	Digest string // "sha256:…"
}

// Limits of the distribution reference grammar.
const (
	maxRepository = 255
	maxTag        = 128
)

// ParseName reads a name and normalises it: docker.io's official images get their library/ prefix. A name
// whose first part has no dot, no port and is not localhost is short and keeps an empty Domain.
func ParseName(s string) (Name, error) {
	n, problem := parseName(s)
	if problem != "" {
		return Name{}, suggestLower(s, fmt.Errorf("image name %q: %s", s, problem))
	}
	return n, nil
}

// suggestLower puts the name in lower case beside what is wrong with a name, when that is all that is wrong.
func suggestLower(name string, err error) error {
	repository := name
	if i := strings.IndexByte(name, '@'); i >= 0 {
		repository = name[:i]
	}
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository = repository[:i]
	}
	lower := strings.ToLower(repository) + name[len(repository):]
	if _, problem := parseName(lower); problem != "" || lower == name {
		return err
	}
	return hint.Wrap(err, "use "+lower)
}

func parseName(s string) (n Name, problem string) {
	rest, digest, digested := strings.Cut(s, "@")
	if digested {
		if !validDigest(digest) {
			return n, "what follows the @ is not a digest like sha256:… with 64 hexadecimal digits"
		}
		n.Digest = digest
	}
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.Contains(rest[i:], "/") {
		n.Tag, rest = rest[i+1:], rest[:i]
		if !validTag(n.Tag) {
			return n, "the tag must be at most 128 letters, digits, '_', '.' and '-', not beginning with '.' or '-'"
		}
	}
	n.Path = rest
	if domain, path, ok := strings.Cut(rest, "/"); ok && isDomain(domain) {
		n.Domain, n.Path = domain, path
		if !validDomain(domain) {
			return n, "the registry must be a host name, with a port after ':' if any"
		}
	}
	if problem := pathProblem(n.Path); problem != "" {
		return n, problem
	}
	if n.Domain == "index.docker.io" {
		n.Domain = "docker.io"
	}
	if n.Domain == "docker.io" && !strings.Contains(n.Path, "/") {
		n.Path = "library/" + n.Path
	}
	if len(n.Repository()) > maxRepository {
		return n, "it is longer than 255 characters"
	}
	return n, ""
}

// isDomain tells a registry from the first part of a path, as podman does.
func isDomain(s string) bool {
	return s == "localhost" || strings.ContainsAny(s, ".:")
}

// Short reports whether the name says no registry.
func (n Name) Short() bool { return n.Domain == "" }

// Repository is the name without tag and digest.
func (n Name) Repository() string {
	if n.Domain == "" {
		return n.Path
	}
	return n.Domain + "/" + n.Path
}

// String is the whole name.
func (n Name) String() string {
	s := n.Repository()
	if n.Tag != "" {
		s += ":" + n.Tag
	}
	if n.Digest != "" {
		s += "@" + n.Digest
	}
	return s
}

// Tagged gives the name with the tag "latest" if it has neither tag nor digest. Of a name with both only the digest
// counts, since it alone says which image is meant.
func (n Name) Tagged() Name {
	switch {
	case n.Digest != "":
		n.Tag = ""
	case n.Tag == "":
		n.Tag = "latest"
	}
	return n
}

// In gives a short name in a registry.
func (n Name) In(registry string) (Name, error) {
	return ParseName(registry + "/" + n.String())
}

func pathProblem(path string) string {
	if path == "" {
		return "it has no repository"
	}
	if isID(path) {
		return "64 hexadecimal digits are an id, not a name"
	}
	for part := range strings.SplitSeq(path, "/") {
		if !validPathPart(part) {
			if strings.ToLower(part) != part && validPathPart(strings.ToLower(part)) {
				return "repository name must be lowercase"
			}
			return "a repository is made of lower-case letters and digits with single '.', '_', '__' or dashes between them"
		}
	}
	return ""
}

// validPathPart checks one part of a path: runs of letters and digits, joined by ".", "_", "__" or any number of "-".
func validPathPart(s string) bool {
	separator := ""
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || isDigit(c) {
			switch {
			case separator == "", separator == ".", separator == "_", separator == "__", strings.Trim(separator, "-") == "":
				separator = ""
				continue
			}
			return false
		}
		if c != '.' && c != '_' && c != '-' || i == 0 {
			return false
		}
		separator += string(c)
	}
	return s != "" && separator == ""
}

func validTag(s string) bool {
	if s == "" || len(s) > maxTag || s[0] == '.' || s[0] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && c != '_' && c != '.' && c != '-' {
			return false
		}
	}
	return true
}

// validDomain checks host:port. The library that talks to registries knows no IPv6 literals, so neither does this.
func validDomain(s string) bool {
	host, port, ported := strings.Cut(s, ":")
	if ported && (port == "" || strings.Trim(port, "0123456789") != "") {
		return false
	}
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := 0; i < len(label); i++ {
			if !isAlnum(label[i]) && label[i] != '-' {
				return false
			}
		}
	}
	return true
}

// digestLength is the number of hexadecimal digits of a digest made by algorithm, for those that registries use.
func digestLength(algorithm string) int {
	switch algorithm {
	case "sha256":
		return 64
	case "sha384":
		return 96
	case "sha512":
		return 128
	}
	return -1
}

func validDigest(s string) bool {
	algorithm, hex, _ := strings.Cut(s, ":")
	return len(hex) == digestLength(algorithm) && isHex(hex)
}

// isID reports whether s is a whole image id.
func isID(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isDigit(s[i]) && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return s != ""
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isAlnum(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || isDigit(c)
}
