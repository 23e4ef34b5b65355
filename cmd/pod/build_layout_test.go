package main

import (
	"testing"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/pkg/build/plan"
)

func TestLayoutNames(t *testing.T) {
	entry := func(name string) specs.Descriptor {
		return specs.Descriptor{Digest: digest.FromString(name), Annotations: map[string]string{specs.AnnotationRefName: name}}
	}
	index := specs.Index{Manifests: []specs.Descriptor{entry("one"), entry("latest"), entry("localhost/app:two")}}
	for word, want := range map[string]int{
		"dir": 1, "dir:one": 0, "a:b/dir": 1, "dir:two": 2, "dir:localhost": -1, "dir:three": -1,
		"dir@" + digest.FromString("one").String(): 0, "dir:latest@" + digest.FromString("one").String(): 0,
		"dir@" + digest.FromString("x").String(): -1,
	} {
		if got, err := parseLayoutName(word).number(index); got != want && (want >= 0 || err == nil) {
			t.Errorf("%s is image %d (%v), want %d", word, got, err, want)
		}
	}
	single := specs.Index{Manifests: []specs.Descriptor{entry("whatever")}}
	if got, err := parseLayoutName("dir").number(single); got != 0 || err != nil {
		t.Errorf("the only image is not found: %d %v", got, err)
	}
}

func TestOutputs(t *testing.T) {
	for text, want := range map[string]string{
		"out":                                    "local",
		"-":                                      "tar",
		"type=local,dest=x":                      "local",
		"type=tar":                               "tar",
		"type=oci,dest=x,tar=false":              "oci",
		`type=image,"name=a,b",push=1`:           "image",
		"type=registry":                          "image",
		"type=cacheonly":                         "cacheonly",
		"type=local":                             "",
		"type=local,dest=-":                      "",
		"type=oci,tar=false":                     "",
		"type=docker,tar=false,dest=x":           "",
		"type=x":                                 "",
		"dest=x,push=1":                          "",
		"type=image,compression=lzma":            "",
		"type=image,compression=estargz":         "",
		"type=image,push=maybe":                  "",
		"type=registry,compression=uncompressed": "",
		"type=image,rewrite-timestamp=false":     "image",
		"type=local,dest=x,mode=delete":          "",
		`type=local,dest="x`:                     "",
	} {
		out, err := newBuildOptions().parseOutput(text)
		if (err == nil) != (want != "") || err == nil && out.kind != want {
			t.Errorf("%s is %q (%v), want %q", text, out.kind, err, want)
		}
	}
	out, err := newBuildOptions().parseOutput(`type=image,"name=a,b",push=true`)
	if err != nil || len(out.names) != 2 || !out.push {
		t.Errorf("two names are read as %+v (%v)", out, err)
	}
}

func TestAnnotations(t *testing.T) {
	o := newBuildOptions()
	for _, text := range []string{"a=1", "manifest:b=2", "index:c=3", "manifest,index:d=4", "e:f=5", "manifest[linux/arm64],manifest-descriptor:g=6", "manifest-descriptor[linux/s390x]:h=[i]:7"} {
		if err := o.setAnnotation(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for key, want := range map[string]string{"a": "1", "b": "2", "d": "4", "e:f": "5"} {
		if got := o.job.Annotations[plan.Platform{}][key]; got != want {
			t.Errorf("%s of the manifest is %q, want %q", key, got, want)
		}
	}
	if len(o.job.ListAnnotations) != 2 || o.job.ListAnnotations["c"] != "3" || o.job.ListAnnotations["d"] != "4" {
		t.Errorf("those of the list are %v", o.job.ListAnnotations)
	}
	arm, z := plan.Platform{OS: "linux", Arch: "arm64"}, plan.Platform{OS: "linux", Arch: "s390x"}
	if o.job.Annotations[arm]["g"] != "6" || o.job.EntryAnnotations[plan.Platform{}]["g"] != "6" || o.job.EntryAnnotations[z]["h"] != "[i]:7" {
		t.Errorf("those for platforms are %v, of entries %v", o.job.Annotations, o.job.EntryAnnotations)
	}
	if got := o.job.Annotations.For(arm); len(got) != 5 || got["a"] != "1" || got["g"] != "6" {
		t.Errorf("those of one platform are %v", got)
	}
	for _, text := range []string{"a", "=1", "index-descriptor:a=1", "manifest[]x:a", "manifest[no/such/plat/form]:a=1", "index[linux/arm64]:a=1"} {
		if o.setAnnotation(text) == nil {
			t.Errorf("%s is taken", text)
		}
	}
}

func TestCachePlaces(t *testing.T) {
	for text, want := range map[string]cachePlace{
		"repo/cache":                         {kind: "registry", place: "repo/cache"},
		"type=registry,ref=r,mode=max":       {kind: "registry", place: "r", all: true},
		"type=local,dest=/d,mounts=true":     {kind: "local", place: "/d", mounts: true},
		"type=inline":                        {kind: "inline"},
		"type=registry,ref=r,ignore-error=1": {kind: "registry", place: "r", ignoreErrors: true},
	} {
		if got, err := parseCachePlace(text, true); err != nil || got != want {
			t.Errorf("%s is %+v (%v), want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"type=gha", "type=local", "type=local,src=x", "type=registry", "type=local,dest=x,mode=most", "mode=max", "type=registry,ref=x,image-manifest=false"} {
		if got, err := parseCachePlace(text, true); err == nil {
			t.Errorf("%s is taken for %+v", text, got)
		}
	}
	if _, err := parseCachePlace("type=inline", false); err == nil {
		t.Error("an inline cache is read by its own type")
	}
}
