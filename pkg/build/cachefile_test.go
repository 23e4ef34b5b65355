package build

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	"github.com/pod-engine/pod/pkg/image"
)

func TestParseCache(t *testing.T) {
	a, b := digest.FromString("a"), digest.FromString("b")
	manifest := fmt.Sprintf(`{"layers":[{"digest":"%s","size":1},{"digest":"%s","size":2}]}`, a, b)
	config := func(diffs, cache string) string {
		return `{"rootfs":{"type":"layers","diff_ids":[` + diffs + `]},"pod.build.cache.v1":` + cache + `}`
	}
	both := fmt.Sprintf(`"%s","%s"`, b, a)
	for _, tt := range []struct{ name, manifest, config, want string }{
		{"right", manifest, config(both, `{"steps":[{"keys":["k","l"],"layer":1}],"mounts":[{"id":"m","layer":0}]}`), ""},
		{"an image", manifest, config(both, `null`), "an image without a cache"},
		{"no such layer", manifest, config(both, `{"steps":[{"keys":["k"],"layer":2}]}`), "no layer 2"},
		{"layer below zero", manifest, config(both, `{"steps":[{"keys":["k"],"layer":-1}]}`), "no layer -1"},
		{"mount of no layer", manifest, config(both, `{"mounts":[{"id":"m","layer":7}]}`), "no layer 7"},
		{"fewer layers", manifest, config(`"`+a.String()+`"`, `{"steps":[{"keys":["k"],"layer":0}]}`), "2 layers, its configuration 1"},
		{"a digest with a path", strings.Replace(manifest, a.String(), "sha256:../../../etc/passwd", 1), config(both, `{"steps":[{"keys":["k"],"layer":0}]}`), "digests of layer 0"},
		{"no JSON", "tape", "{}", "its manifest"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			content, err := parseCache([]byte(tt.manifest), []byte(tt.config))
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("the error is %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if l := content.steps["l"]; l.Digest != b || l.diffID != a || content.mounts["m"].Layer != 0 {
				t.Errorf("it is read as %+v", content)
			}
		})
	}
}

// What an image is said to be made of by its own configuration is what is read of it again.
func TestInlineCache(t *testing.T) {
	l := madeLayer{image.Layer{ID: "top", DiffID: digest.FromString("top"), Size: 5}, time.Unix(7, 0).UTC()}
	config, err := inlineCache([]byte(`{"rootfs":{"type":"layers","diff_ids":["`+l.DiffID.String()+`"]},"os":"linux"}`), []madeLayer{l},
		[]notedStep{{keys: []string{"k"}, layer: l, text: "RUN x"}, {keys: []string{"gone"}, layer: madeLayer{image.Layer{ID: "squashed"}, time.Time{}}}})
	if err != nil {
		t.Fatal(err)
	}
	content, err := parseCache([]byte(`{"layers":[{"digest":"`+digest.FromString("packed").String()+`"}]}`), config)
	if err != nil {
		t.Fatal(err)
	}
	if got := content.steps["k"]; got.diffID != l.DiffID || got.step.Created != l.created || len(content.steps) != 1 {
		t.Errorf("it is read as %+v", content)
	}
	if !strings.Contains(string(config), `"os":"linux"`) {
		t.Errorf("the rest is lost: %s", config)
	}
}
