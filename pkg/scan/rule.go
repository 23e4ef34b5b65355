package scan

import (
	"fmt"
	"path"
	"strings"
)

// Names of the rules, as --ignore takes them and reports show them.
const (
	RuleRoot          = "root-user"
	RuleUserMissing   = "user-missing"
	RuleNoHealthcheck = "no-healthcheck"
	RuleLatestBase    = "latest-base"
	RuleRemoteAdd     = "remote-add"
	RuleSecretFile    = "secret-file"
	RuleSecretEnv     = "secret-env"
	RuleSecretHistory = "secret-history"
	RuleSetuid        = "setuid"
	RuleWritableFile  = "world-writable-file"
	RuleWritableDir   = "world-writable-dir"
	RuleNoPassword    = "empty-password"
	RuleRemovedFiles  = "removed-files"
	RuleCache         = "package-cache"
	RuleShellHistory  = "shell-history"
)

// Rule is one thing that hygiene looks for.
type Rule struct {
	Name     string
	Severity Severity
	Title    string // what is wrong, as a noun phrase
	Advice   string // what to do instead
}

// Rules are all rules, by severity.
func Rules() []Rule {
	return []Rule{
		{RuleSecretFile, Critical, "secret in a layer", "use a build secret (RUN --mount=type=secret) and replace the secret: whoever has the image has it"},
		{RuleNoPassword, Critical, "account without a password", "lock it: passwd -l USER"},
		{RuleSecretEnv, High, "secret in the environment", "give it when the container is started (--secret, --env-file)"},
		{RuleSecretHistory, High, "secret in the history", "use a build secret instead of ARG or a value in RUN"},
		{RuleUserMissing, High, "USER that is not in /etc/passwd", "make the user in the image, or give its number"},
		{RuleRoot, Medium, "runs as root", "add USER with a user that is not root"},
		{RuleRemoteAdd, Medium, "ADD of a remote file", "fetch it with a checksum: ADD --checksum=sha256:..."},
		{RuleWritableFile, Medium, "file that everybody may write", "chmod o-w"},
		{RuleWritableDir, Medium, "directory that everybody may write, without sticky bit", "chmod +t, or o-w"},
		{RuleShellHistory, Medium, "history of an interactive shell", "remove it in the step that makes it"},
		{RuleSetuid, Low, "setuid or setgid program", "chmod u-s,g-s unless it is needed"},
		{RuleLatestBase, Low, "base image without a fixed version", "name a version or a digest in FROM"},
		{RuleNoHealthcheck, Low, "no health check", "add HEALTHCHECK"},
		{RuleRemovedFiles, Low, "removed files that are still in a layer", "remove them in the step that makes them, or build in stages"},
		{RuleCache, Low, "cache of a package manager", "clean it in the step that fills it, or use a cache mount"},
	}
}

// Ignore says what to leave out: a rule or the identifier of a vulnerability, by name or glob, and the paths that it is about.
type Ignore struct {
	Name string
	Path string // glob; empty: any
}

// ParseIgnore reads RULE or RULE:PATH.
func ParseIgnore(s string) (Ignore, error) {
	name, where, _ := strings.Cut(s, ":")
	i := Ignore{Name: strings.ToLower(name), Path: strings.TrimPrefix(where, "/")}
	for _, glob := range []string{i.Name, i.Path} {
		if _, err := path.Match(glob, ""); err != nil {
			return i, fmt.Errorf("ignore %q: %q is no pattern", s, glob)
		}
	}
	if name == "" {
		return i, fmt.Errorf("ignore %q: it begins with the name of a rule or the identifier of a vulnerability", s)
	}
	known := strings.ContainsAny(name, "*?[") || strings.Contains(name, "-") && strings.ContainsAny(name, "0123456789")
	for _, r := range Rules() {
		known = known || r.Name == i.Name
	}
	if !known {
		return i, fmt.Errorf("ignore %q: there is no rule of this name; they are %s", s, strings.Join(RuleNames(), ", "))
	}
	return i, nil
}

// RuleNames are the names of all rules.
func RuleNames() []string {
	var names []string
	for _, r := range Rules() {
		names = append(names, r.Name)
	}
	return names
}

// Covers reports whether the finding of this name (a rule or identifier) at this path is to be left out.
func (i Ignore) Covers(name, where string) bool {
	matched, _ := path.Match(i.Name, strings.ToLower(name)) // checked by ParseIgnore
	return matched && (i.Path == "" || Match(i.Path, strings.TrimPrefix(where, "/")))
}

// Match reports whether a path, or a directory above it, matches a glob. Both are without leading slash; "**/" at the front stands for
// any directories.
func Match(glob, name string) bool {
	if rest, any := strings.CutPrefix(glob, "**/"); any {
		for {
			if Match(rest, name) {
				return true
			}
			_, below, more := strings.Cut(name, "/")
			if !more {
				return false
			}
			name = below
		}
	}
	for name != "." && name != "/" && name != "" {
		if ok, _ := path.Match(glob, name); ok {
			return true
		}
		name = path.Dir(name)
	}
	return false
}
