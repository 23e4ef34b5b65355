package image

import (
	"reflect"
	"testing"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

func TestEntryEdit(t *testing.T) {
	for _, c := range []struct {
		name string
		edit EntryEdit
		have specs.Descriptor
		want specs.Descriptor
	}{
		{"nothing", EntryEdit{}, specs.Descriptor{}, specs.Descriptor{Platform: &specs.Platform{}}},
		{
			"platform",
			EntryEdit{Platform: Platform{Arch: "arm64", Variant: "v8"}, OSVersion: "6", OSFeatures: []string{"f"}},
			specs.Descriptor{Platform: &specs.Platform{OS: "linux", Architecture: "amd64"}},
			specs.Descriptor{Platform: &specs.Platform{OS: "linux", Architecture: "arm64", Variant: "v8", OSVersion: "6", OSFeatures: []string{"f"}}},
		},
		{
			"annotations are added",
			EntryEdit{Annotations: map[string]string{"a": "2", "c": "3"}},
			specs.Descriptor{Annotations: map[string]string{"a": "1", "b": "1"}},
			specs.Descriptor{Platform: &specs.Platform{}, Annotations: map[string]string{"a": "2", "b": "1", "c": "3"}},
		},
	} {
		got := c.have
		c.edit.Apply(&got)
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestSearchFilter(t *testing.T) {
	found := Found{Stars: 5, Official: true}
	for s, want := range map[string]bool{
		"stars=5": true, "stars=6": false, "is-official": true, "is-official=true": true, "is-official=false": false, "is-automated": false, "is-automated=false": true,
	} {
		var f SearchFilter
		if err := f.Parse(s); err != nil || f.Keeps(found) != want {
			t.Errorf("%s keeps %v, %v; want %v", s, f.Keeps(found), err, want)
		}
	}
	for _, s := range []string{"", "stars", "stars=x", "stars=-1", "is-official=maybe", "name=x"} {
		if err := new(SearchFilter).Parse(s); err == nil {
			t.Errorf("%q was taken", s)
		}
	}
}

func TestWordsOfPush(t *testing.T) {
	for s, want := range map[string]ManifestType{"": "", "oci": OCI, "v2s2": V2S2, "docker": V2S2, "v2s1": V2S1} {
		if got, err := ParseManifestType(s); err != nil || got != want {
			t.Errorf("%q is %q, %v", s, got, err)
		}
	}
	for s, want := range map[string]Compression{"": "", "gzip": Gzip, "zstd": Zstd, "zstd:chunked": ZstdChunked} {
		if got, err := ParseCompression(s); err != nil || got != want {
			t.Errorf("%q is %q, %v", s, got, err)
		}
	}
	if _, err := ParseManifestType("v3"); err == nil {
		t.Error("v3 was taken")
	}
	if _, err := ParseCompression("lzma"); err == nil {
		t.Error("lzma was taken")
	}
}
