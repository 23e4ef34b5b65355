package hygiene

import (
	"bytes"
	"context"
	"encoding/json"
	"path"
	"regexp"
	"strings"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// maxText is the size up to which a file is searched for secrets.
const maxText = 512 << 10

// isHistory: what interactive programs write down of a session.
func isHistory(base string) bool {
	switch base {
	case ".bash_history", ".ash_history", ".sh_history", ".zsh_history", ".history", ".python_history", ".node_repl_history",
		".mysql_history", ".psql_history", ".sqlite_history", ".rediscli_history":
		return true
	}
	return false
}

// secrets searches files for secrets: those that a container sees, and those that newer layers hide, which everybody who has the image can
// still take out of its layer.
func (f *findings) secrets(ctx context.Context, img *layerfs.Image) error {
	type file struct {
		layer int
		inode uint64
	}
	seen := make(map[file]bool)
	var candidates []*layerfs.Node
	for _, list := range [][]*layerfs.Node{img.Visible, img.Hidden} {
		for _, n := range list {
			if n.Mode.IsRegular() && n.Size > 0 && isHistory(path.Base(n.Path)) {
				f.add(at(scan.RuleShellHistory, n, "what was typed in a shell or client is in the image"))
			}
			this := file{n.Layer, n.Inode}
			if !mayHoldSecret(n) || n.Links > 1 && seen[this] {
				continue
			}
			seen[this] = n.Links > 1
			candidates = append(candidates, n)
		}
	}
	credentials := credentialFiles()
	layerfs.Each(len(candidates), func(i int) {
		if ctx.Err() == nil {
			f.search(candidates[i], credentials)
		}
	})
	return ctx.Err()
}

// search looks through one file. One that cannot be read (it is gone, or its owner is not mapped) holds nothing for anybody else either.
func (f *findings) search(n *layerfs.Node, credentials []credentialFile) {
	text, err := n.Read(maxText)
	if err != nil || bytes.IndexByte(text[:min(len(text), 1024)], 0) >= 0 {
		return
	}
	found := false
	for _, kind := range f.kinds {
		if at := kind.in(text); at >= 0 {
			found = true
			f.secret(n, kind.name, 1+bytes.Count(text[:at], []byte("\n")))
		}
	}
	for _, c := range credentials {
		if !found && c.named(n.Path) {
			if line := c.line(text); line > 0 {
				f.secret(n, c.what, line)
			}
		}
	}
}

func (f *findings) secret(n *layerfs.Node, what string, line int) {
	one := at(scan.RuleSecretFile, n, "it holds "+what)
	one.Line = line
	f.add(one)
}

// mayHoldSecret leaves out what is too large to be looked through, and what comes from packages: their tests hold keys that are no secret.
func mayHoldSecret(n *layerfs.Node) bool {
	if !n.Mode.IsRegular() || n.Size < 16 || n.Size > maxText {
		return false
	}
	switch path.Ext(n.Path) {
	case ".pyc", ".so", ".gz", ".xz", ".bz2", ".zst", ".png", ".jpg", ".gif", ".woff2", ".h", ".c", ".mo", ".a", ".o", ".class", ".jar", ".html", ".css":
		return false
	}
	first, rest, _ := strings.Cut(n.Path, "/")
	switch first {
	case "bin", "sbin", "lib", "lib32", "lib64", "libx32", "boot", "proc", "sys", "dev":
		return false
	case "usr":
		second, _, _ := strings.Cut(rest, "/")
		return second == "local" && !fromPackage(n.Path) || second == "src" || second == "app"
	case "var":
		return !strings.HasPrefix(rest, "lib/dpkg/") && !strings.HasPrefix(rest, "lib/apt/lists/") && !fromPackage(n.Path)
	case "etc":
		return !strings.HasPrefix(rest, "ssl/certs/") && !strings.HasPrefix(rest, "ca-certificates/") && !strings.HasPrefix(rest, "pki/ca-trust/")
	}
	return !fromPackage(n.Path)
}

// fromPackage reports whether a path is among what a package manager of a language installs.
func fromPackage(name string) bool {
	for _, dir := range []string{"/node_modules/", "/site-packages/", "/dist-packages/", "/gems/", "/pkg/mod/", "/share/doc/", "/share/man/"} {
		if strings.Contains("/"+name, dir) {
			return true
		}
	}
	return strings.HasPrefix(name, "usr/local/go/") || strings.HasPrefix(name, "usr/local/lib/python")
}

// credentialFile is a file that programs keep passwords in, in a form of its own.
type credentialFile struct {
	what  string
	named func(string) bool
	line  func([]byte) int // the line with a credential, from 1; 0: there is none
}

func credentialFiles() []credentialFile {
	base := func(names ...string) func(string) bool {
		return func(name string) bool {
			for _, one := range names {
				if name == one || strings.HasSuffix(name, "/"+one) {
					return true
				}
			}
			return false
		}
	}
	pattern := func(p string) func([]byte) int {
		compiled := regexp.MustCompile(p)
		return func(text []byte) int {
			if found := compiled.FindIndex(text); found != nil {
				return 1 + bytes.Count(text[:found[0]], []byte("\n"))
			}
			return 0
		}
	}
	return []credentialFile{
		{"the credentials of npm", base(".npmrc", ".yarnrc"), pattern(`(?m)^[^#;\n]*(?:_authToken|_auth|_password)\s*=\s*"?[^\s"$]`)},
		{"the password of a server", base(".netrc", "_netrc"), pattern(`(?m)\bpassword\s+\S`)},
		{"the credentials of a registry", base(".docker/config.json", ".dockercfg", "containers/auth.json", ".config/containers/auth.json", "kaniko/.docker/config.json"), registryLine},
		{"the password of a server", base(".git-credentials", ".config/git/credentials"), pattern(`(?m)^\w+://[^/\s:]+:[^/\s@]+@`)},
		{"the password of a package index", base(".pypirc", "pip.conf", ".config/pip/pip.conf"), pattern(`(?m)^\s*password\s*[:=]\s*\S|://[^/\s:]+:[^/\s@$]+@`)},
		{"the credentials of AWS", base(".aws/credentials"), pattern(`(?m)^\s*aws_secret_access_key\s*=\s*\S`)},
		{"the password of a database", base(".pgpass"), pattern(`(?m)^[^#\n:]+:[^:\n]*:[^:\n]*:[^:\n]*:\S`)},
		{"the password of a database", base(".my.cnf"), pattern(`(?m)^\s*password\s*=\s*\S`)},
		{"the credentials of a Kubernetes cluster", base(".kube/config"), pattern(`(?m)^\s*(?:token|client-key-data|password):\s*\S`)},
		{"the token of cargo", base(".cargo/credentials", ".cargo/credentials.toml"), pattern(`(?m)^\s*token\s*=\s*"\S`)},
		{"the credentials of RubyGems", base(".gem/credentials"), pattern(`(?m)^:\w+:\s*\S`)},
		{"the password of a server of Maven", base(".m2/settings.xml"), pattern(`<password>[^<${]`)},
	}
}

// registryLine: docker's and podman's file with a user and password (in base64) for at least one registry.
func registryLine(text []byte) int {
	type entry struct{ Auth, IdentityToken, Password string }
	var file struct{ Auths map[string]entry }
	if json.Unmarshal(text, &file) != nil {
		return 0
	}
	var old map[string]entry // .dockercfg has no level above
	if file.Auths == nil && json.Unmarshal(text, &old) == nil {
		file.Auths = old
	}
	for _, e := range file.Auths {
		if e.Auth != "" || e.IdentityToken != "" || e.Password != "" {
			for _, key := range []string{`"auth"`, `"identitytoken"`, `"password"`} {
				if at := bytes.Index(text, []byte(key)); at >= 0 {
					return 1 + bytes.Count(text[:at], []byte("\n"))
				}
			}
			return 1
		}
	}
	return 0
}
