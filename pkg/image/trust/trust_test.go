package trust

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWithoutPolicyEverythingIsAccepted(t *testing.T) {
	p, text, err := Read([]string{filepath.Join(t.TempDir(), "absent.json")})
	if err != nil || !strings.Contains(string(text), "insecureAcceptAnything") {
		t.Fatalf("%s, %v", text, err)
	}
	rules, err := p.Rules(t.Context(), "", nil)
	if want := []Rule{{Transport: "all", Name: "* (default)", RepoName: "default", Type: "accept"}}; err != nil || !reflect.DeepEqual(rules, want) {
		t.Errorf("rules are %+v, %v", rules, err)
	}
}

// TestSetKeepsTheRest changes one scope: what pod does not know in the others must stay as it was written.
func TestSetKeepsTheRest(t *testing.T) {
	t.Setenv("GNUPGHOME", t.TempDir()) // gpg(1) is asked whose the keys are
	const other = `{"type":"signedBy","keyType":"GPGKeys","keyPath":"/k","signedIdentity":{"type":"remapIdentity","prefix":"a","signedPrefix":"b"},"unknown":[1]}`
	path := file(t, "policy.json", `{"default":[{"type":"reject"}],"transports":{"docker":{"quay.io":[`+other+`]},"oci":{"":[{"type":"reject"}]}}}`)
	key := file(t, "key", "")
	p, _, err := Read([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	for scope, kind := range map[string]Kind{"quay.io/team": Sigstore, "docker.io": Accept, "quay.io/bad": Reject} {
		var keys []string
		if kind == Sigstore {
			keys = []string{key}
		}
		if err := p.Set(path, scope, kind, keys); err != nil {
			t.Fatal(err)
		}
	}
	p, _, err = Read([]string{path})
	if err != nil {
		t.Fatal(err)
	}
	compact := func(s string) string { return strings.Join(strings.Fields(s), "") }
	if got := compact(string(p.Transports["docker"]["quay.io"][0])); got != other {
		t.Errorf("the other rule is now %s", got)
	}
	rules, err := p.Rules(t.Context(), "", []string{filepath.Dir(file(t, "a.yaml", "default-docker: {lookaside: file:///d}\ndocker:\n  quay.io: {sigstore: 'https://q'}\n"))})
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range rules {
		lines = append(lines, strings.Join([]string{r.Transport, r.RepoName, r.Type, r.Keys, r.Store}, " "))
	}
	want := []string{
		"all default reject  ", "repository docker.io accept  ", "repository quay.io signed k https://q", "repository quay.io/bad reject  ",
		"repository quay.io/team sigstoreSigned key https://q", "oci * (default) reject  ",
	}
	if !reflect.DeepEqual(lines, want) {
		t.Errorf("rules are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestSetRefuses(t *testing.T) {
	key := file(t, "key", "")
	for _, c := range []struct {
		scope string
		kind  Kind
		keys  []string
		want  string
	}{
		{"default", Signed, nil, "needs the public keys"},
		{"default", Accept, []string{key}, "looks at no key"},
		{"default", Sigstore, []string{key + "x"}, "no such file"},
		{"docker://quay.io", Reject, nil, "neither"},
		{"quay.io/", Reject, nil, "neither"},
		{"", Reject, nil, "neither"},
	} {
		var p Policy
		path := filepath.Join(t.TempDir(), "policy.json")
		if err := p.Set(path, c.scope, c.kind, c.keys); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q %s: %v, want %q", c.scope, c.kind, err, c.want)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%q %s: a policy was written", c.scope, c.kind)
		}
	}
	if _, err := ParseKind("signed"); err == nil {
		t.Error("a kind that is none was taken")
	}
}
