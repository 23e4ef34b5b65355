package attestation

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/pod-engine/pod/pkg/image"
)

func target(text string) specs.Descriptor {
	return specs.Descriptor{MediaType: specs.MediaTypeImageManifest, Digest: digest.FromString(text), Size: int64(len(text))}
}

func TestRetargetChangesWhatStatementsAreAbout(t *testing.T) {
	old, to := target("as stored"), target("as pushed")
	for name, form := range map[string]Form{"artifact": {}, "image": {Image: true}} {
		t.Run(name, func(t *testing.T) {
			other := digest.FromString("a file")
			a, err := New(old, []Statement{
				NewStatement(Provenance+"v1", json.RawMessage(`{"a":1}`), []Subject{NewSubject("pkg:docker/app@1", old.Digest), NewSubject("file", other)}),
				NewStatement(SPDX, json.RawMessage(`{"b":2}`), nil),
			}, form)
			if err != nil {
				t.Fatal(err)
			}
			moved, err := Retarget(a.Artifact, old, to)
			if err != nil {
				t.Fatal(err)
			}
			if about, ok := image.Attests(moved.Entry); !ok || about != to.Digest {
				t.Errorf("the entry is about %s, %t", about, ok)
			}
			statements, err := Read(moved.Artifact)
			if err != nil || len(statements) != 2 {
				t.Fatalf("%d statements, %v", len(statements), err)
			}
			first := statements[0]
			if got := first.Subject[0].Digest["sha256"]; got != to.Digest.Encoded() {
				t.Errorf("the subject is still %s", got)
			}
			if got := first.Subject[1].Digest["sha256"]; got != other.Encoded() {
				t.Errorf("the digest of another subject became %s", got)
			}
			if string(first.Predicate) != `{"a":1}` {
				t.Errorf("the predicate became %s", first.Predicate)
			}
			for sum, blob := range moved.Blobs {
				if digest.FromBytes(blob) != sum {
					t.Errorf("the blob %s is another", sum)
				}
				if strings.Contains(string(blob), old.Digest.Encoded()) {
					t.Errorf("%s names the old digest", blob)
				}
			}
			same, err := New(to, statements, form)
			if err != nil || same.Entry.Digest != moved.Entry.Digest {
				t.Errorf("made for the image itself it is %s, %v; not %s", same.Entry.Digest, err, moved.Entry.Digest)
			}
		})
	}
}

func TestRetargetRefusesWhatMayBeSigned(t *testing.T) {
	old := target("old")
	m := specs.Manifest{Layers: []specs.Descriptor{{MediaType: "application/vnd.in-toto.spdx+dsse"}}}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Retarget(image.Artifact{Manifest: text}, old, target("new")); err == nil || !strings.Contains(err.Error(), "dsse") {
		t.Errorf("got %v", err)
	}
}

func TestManifestHasBuildKitsForm(t *testing.T) {
	about := target("image")
	a, err := New(about, []Statement{NewStatement(SPDX, json.RawMessage(`{}`), nil)}, Form{})
	if err != nil {
		t.Fatal(err)
	}
	var m specs.Manifest
	if err := json.Unmarshal(a.Manifest, &m); err != nil {
		t.Fatal(err)
	}
	switch {
	case m.ArtifactType != artifactType, m.Config.MediaType != specs.MediaTypeEmptyJSON, m.Subject == nil, m.Subject.Digest != about.Digest:
		t.Errorf("the manifest is %s", a.Manifest)
	case m.Layers[0].MediaType != MediaType, m.Layers[0].Annotations[PredicateType] != SPDX:
		t.Errorf("the layer is %v", m.Layers[0])
	case a.Entry.Platform.OS != "unknown", a.Entry.Platform.Architecture != "unknown":
		t.Errorf("the platform is %v", a.Entry.Platform)
	}
}
