package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/bake"
)

// TestLeave shows what has to be allowed, by links too.
func TestLeave(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"work/in", "out/deep"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"link", "docker-image:", "target:x", "oci-layout:", "c/Containerfile", "d/d/File"} {
		name := filepath.Join(top, "work", name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.Symlink(filepath.Join(top, "out"), name)); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(filepath.Join(top, "work"))
	word := func(s string) *string { return &s }
	target := func(context string) bake.Target {
		return bake.Target{Context: word(context), Dockerfile: word("Dockerfile")}
	}
	with := func(change func(*bake.Target)) bake.Target {
		out := target(".")
		change(&out)
		return out
	}
	for _, tt := range []struct {
		name   string
		target bake.Target
		allow  string // words
		set    string
		want   string // TOP is the directory
	}{
		{name: "inside", target: target("in")},
		{name: "not there yet", target: target("new/dir")},
		{name: "itself", target: target("cwd://")},
		{name: "outside", target: target("../out"), want: "--allow=fs.read=TOP/out"},
		{name: "a name that begins alike", target: target("../work2"), want: "--allow=fs.read=TOP/work2"},
		{name: "link", target: target("link/deep"), want: "--allow=fs.read=TOP/out/deep"},
		{name: "allowed above", target: target("link/deep"), allow: "fs.read=../out"},
		{name: "allowed as a link", target: target("../out"), allow: "fs=link"},
		{name: "allowed to write", target: target("../out"), allow: "fs.write=..", want: "--allow=fs.read=TOP/out"},
		{name: "any", target: target("/"), allow: "fs.read=*"},
		{name: "address", target: target("https://example.test/x.git")},
		{name: "contexts", target: with(func(t *bake.Target) {
			t.Contexts = map[string]string{"a": "docker-image://x", "b": "target:y", "c": "oci-layout:///l:tag", "d": "in"}
		}), want: "--allow=fs.read=/l"},
		{name: "a context that is no image", target: with(func(t *bake.Target) {
			t.Contexts = map[string]string{"a": "docker-image:/deep"}
		}), want: "--allow=fs.read=TOP/out/deep"},
		{name: "CONTEXT is no image", target: target("docker-image://deep"), want: "--allow=fs.read=TOP/out/deep"},
		{name: "CONTEXT is no target", target: target("target:x"), want: "--allow=fs.read=TOP/out"},
		{name: "CONTEXT is no layout", target: target("oci-layout:///deep"), want: "--allow=fs.read=TOP/out/deep"},
		{name: "a Containerfile", target: target("c"), want: "--allow=fs.read=TOP/out"},
		{name: "the other place of a Dockerfile", target: with(func(t *bake.Target) { t.Context, t.Dockerfile = word("d"), word("File") }), want: "--allow=fs.read=TOP/out"},
		{
			name: "secrets", target: with(func(t *bake.Target) { t.Secrets = []bake.Entry{{"id": "a", "src": "/s"}, {"id": "b", "env": "B"}} }),
			want: "--allow=fs.read=/s",
		},
		{
			name: "agents", target: with(func(t *bake.Target) { t.SSH = []bake.Agent{{ID: "default"}, {ID: "k", Paths: []string{"/k"}}} }),
			want: "--allow=fs.read=/k --allow=ssh",
		},
		{
			name: "output and cache", target: with(func(t *bake.Target) {
				t.Outputs, t.CacheTo = []bake.Entry{{"type": "tar", "dest": "-"}, {"type": "local", "dest": "/o"}}, []bake.Entry{{"type": "local", "dest": "in"}}
			}),
			want: "--allow=fs.write=/o",
		},
		{
			name: "said by --set", target: with(func(t *bake.Target) { t.Outputs = []bake.Entry{{"type": "local", "dest": "/o"}} }),
			set: "*.output=type=local,dest=/o",
		},
		{
			name: "devices", target: with(func(t *bake.Target) { t.Entitlements = []string{"device=v.com/c=1,alias=x", "network.host"} }),
			want: "--allow=device=v.com/c=1",
		},
		{name: "all devices", target: with(func(t *bake.Target) { t.Entitlements = []string{"device=v.com/c=1"} }), allow: "device"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			have, want := &leave{device: map[string]bool{}}, &leave{device: map[string]bool{}}
			for word := range strings.FieldsSeq(tt.allow) {
				if err := have.set(word); err != nil {
					t.Fatal(err)
				}
			}
			have.setBy([]string{tt.set})
			want.need(tt.target, bakeSource{})
			flags, err := have.missing(want, true)
			if got := strings.ReplaceAll(strings.Join(flags, " "), top, "TOP"); err != nil || got != tt.want {
				t.Errorf("missing is %q, %v, want %q", got, err, tt.want)
			}
		})
	}
}

func TestParseBakeList(t *testing.T) {
	for text, want := range map[string]bakeList{
		"targets": {"targets", false}, "variables": {"variables", false}, "type=targets": {"targets", false},
		"type=variables,format=json": {"variables", true}, "format=table,type=targets": {"targets", false},
		"groups": {}, "format=json": {}, "type=targets,format=yaml": {}, "": {},
	} {
		got, err := parseBakeList(text)
		if (err != nil) != (want == bakeList{}) || err == nil && got != want {
			t.Errorf("%q is %+v, %v", text, got, err)
		}
	}
}
