// Package trust reads and changes who may sign images: policy.json (containers-policy.json(5)), and shows with it where signatures are
// looked for (containers-registries.d(5)). What it does not change it keeps as it was written.
package trust

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/atomicfile"
)

// Kind is what a rule demands, in the words of image trust.
type Kind string

const (
	Accept   Kind = "accept"
	Reject   Kind = "reject"
	Signed   Kind = "signedBy"       // a simple signature by one of the keys of gpg(1)
	Sigstore Kind = "sigstoreSigned" // a signature of sigstore by one of the keys
)

// ParseKind reads the words of --type.
func ParseKind(s string) (Kind, error) {
	switch k := Kind(s); k {
	case Accept, Reject, Signed, Sigstore:
		return k, nil
	}
	return "", fmt.Errorf("type %q: it is one of accept, reject, signedBy, sigstoreSigned", s)
}

// Policy is the content of policy.json.
type Policy struct {
	Default    []json.RawMessage                       `json:"default"`
	Transports map[string]map[string][]json.RawMessage `json:"transports,omitempty"`
}

// Requirement is what is read of one demand.
type Requirement struct {
	Type     string   `json:"type"`
	KeyType  string   `json:"keyType,omitempty"`
	KeyPath  string   `json:"keyPath,omitempty"`
	KeyPaths []string `json:"keyPaths,omitempty"`
	KeyData  string   `json:"keyData,omitempty"`
}

// Paths are the policy files, the one that counts first: the user's, then the machine's. getenv is os.Getenv.
func Paths(getenv func(string) string) []string {
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(getenv("HOME"), ".config")
	}
	return []string{filepath.Join(config, "containers", "policy.json"), "/etc/containers/policy.json"}
}

// Read gives the policy in the first of the files that exists, and its text. Without any, everything is accepted.
func Read(paths []string) (p Policy, text []byte, err error) {
	for _, path := range paths {
		text, err = os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = json.Unmarshal(text, &p)
		}
		if err != nil {
			return p, text, fmt.Errorf("read the signature policy %q: %w", path, err)
		}
		return p, text, nil
	}
	text = []byte("{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}\n")
	return p, text, json.Unmarshal(text, &p)
}

// Default is the scope of everything that no other rule is about.
const Default = "default"

// Set changes the demand for a scope ("default", or a registry, or part of the repositories there) and writes the policy to path. Keys are files
// and must exist.
func (p *Policy) Set(path, scope string, kind Kind, keys []string) error {
	demand, err := demand(kind, keys)
	if err != nil {
		return err
	}
	if scope == Default {
		p.Default = []json.RawMessage{demand}
	} else {
		if err := checkScope(scope); err != nil {
			return err
		}
		if p.Transports == nil {
			p.Transports = map[string]map[string][]json.RawMessage{}
		}
		if p.Transports["docker"] == nil {
			p.Transports["docker"] = map[string][]json.RawMessage{}
		}
		p.Transports["docker"][scope] = []json.RawMessage{demand}
	}
	if p.Default == nil {
		p.Default = []json.RawMessage{json.RawMessage(`{"type":"insecureAcceptAnything"}`)}
	}
	text, err := json.MarshalIndent(p, "", "    ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write the signature policy: %w", err)
	}
	if err := atomicfile.Write(path, append(text, '\n')); err != nil {
		return fmt.Errorf("write the signature policy: %w", err)
	}
	return nil
}

func checkScope(scope string) error {
	if scope == "" || strings.ContainsAny(scope, " \t\n") || strings.Contains(scope, "://") || strings.HasSuffix(scope, "/") {
		return fmt.Errorf("%q is neither \"default\" nor a registry or part of one, as quay.io or quay.io/team", scope)
	}
	return nil
}

// demand is the rule as policy.json has it.
func demand(kind Kind, keys []string) (json.RawMessage, error) {
	r := Requirement{Type: string(kind)}
	switch kind {
	case Accept:
		r.Type = "insecureAcceptAnything"
	case Signed:
		r.KeyType = "GPGKeys"
	}
	if signed := kind == Signed || kind == Sigstore; signed != (len(keys) > 0) {
		if signed {
			return nil, fmt.Errorf("--type %s needs the public keys to trust: --pubkeysfile", kind)
		}
		return nil, fmt.Errorf("--type %s looks at no key: leave out --pubkeysfile", kind)
	}
	for _, key := range keys {
		full, err := filepath.Abs(key)
		if err == nil {
			_, err = os.Stat(full)
		}
		if err != nil {
			return nil, fmt.Errorf("trust a public key: %w", err)
		}
		r.KeyPaths = append(r.KeyPaths, full)
	}
	if len(r.KeyPaths) == 1 {
		r.KeyPath, r.KeyPaths = r.KeyPaths[0], nil
	}
	return json.Marshal(r)
}

// scopes gives the scopes of a transport in order.
func scopes(m map[string][]json.RawMessage) []string {
	var all []string
	for scope := range m {
		all = append(all, scope)
	}
	slices.Sort(all)
	return all
}
