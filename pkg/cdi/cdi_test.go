package cdi

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	runtime "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/pod-engine/pod/pkg/container"
)

// registry has the specifications, by the name of their file.
func registry(t *testing.T, files map[string]string) *Registry {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open([]string{filepath.Join(dir, "missing"), dir})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const twoVendors = `cdiVersion: "0.6.0"
kind: vendor1.com/device
annotations:
  org.mobyproject.buildkit.device.autoallow: "true"
devices:
- name: foo
  annotations:
    org.mobyproject.buildkit.device.class: class1
  containerEdits: {env: [FOO=injected]}
- name: bar
  annotations:
    org.mobyproject.buildkit.device.autoallow: "false"
    org.mobyproject.buildkit.device.class: class1
  containerEdits: {env: [BAR=injected]}
- name: baz
  annotations:
    org.mobyproject.buildkit.device.class: class2
  containerEdits: {env: [BAZ=injected]}
`

// TestFind has the words of BuildKit's own documentation of RUN --device.
func TestFind(t *testing.T) {
	r := registry(t, map[string]string{"one.yaml": twoVendors})
	for word, want := range map[string]string{
		"vendor1.com/device=foo": "foo", "vendor1.com/device": "bar", "vendor1.com/device=*": "bar baz foo", "class1": "bar foo", "class2": "baz",
		"vendor1.com/device=none": "", "vendor2.com/device": "", "class3": "", "foo": "", "": "", "*": "", "vendor1.com/dev": "", "vendor1.com/*": "",
	} {
		var names []string
		for _, device := range r.Find(word) {
			names = append(names, strings.TrimPrefix(device, "vendor1.com/device="))
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%q finds %q, want %q", word, got, want)
		}
	}
	if !r.OpenToAll("vendor1.com/device=foo") || r.OpenToAll("vendor1.com/device=bar") || r.OpenToAll("vendor1.com/device=none") {
		t.Error("who is open to all is read wrongly")
	}
}

func TestEdits(t *testing.T) {
	r := registry(t, map[string]string{"spec.json": `{"cdiVersion": "0.7.0", "kind": "v.com/c",
"containerEdits": {"env": ["A=spec", "B=spec"], "hooks": [{"hookName": "createContainer", "path": "/bin/hook", "args": ["hook", "x"]}], "additionalGids": [0, 44]},
"devices": [
  {"name": "one", "containerEdits": {"env": ["B=one"], "additionalGids": [44, 45], "deviceNodes": [
    {"path": "/dev/null"}, {"path": "/dev/one", "hostPath": "/dev/zero", "permissions": "r"}],
    "mounts": [{"hostPath": "/etc", "containerPath": "/mnt", "options": ["ro", "nosuid", "rbind"]}]}},
  {"name": "two", "containerEdits": {"deviceNodes": [{"path": "/dev/one", "hostPath": "/dev/full"}], "mounts": [{"hostPath": "tmpfs", "containerPath": "/scratch", "type": "tmpfs", "options": ["size=1m"]}]}}]}`})
	got, err := r.Edits([]string{"v.com/c=one", "v.com/c=two"})
	if err != nil {
		t.Fatal(err)
	}
	want := Edits{
		Env: []string{"A=spec", "B=one"}, Groups: []string{"44", "45"},
		Devices: []container.Device{
			{Source: "/dev/null", Destination: "/dev/null", Permissions: "rwm"}, {Source: "/dev/full", Destination: "/dev/one", Permissions: "rwm"},
		},
		Mounts: []container.Mount{
			{Type: container.MountBind, Source: "/etc", Destination: "/mnt", ReadOnly: true, Options: []string{"nosuid", "rbind"}},
			{Type: container.MountTmpfs, Destination: "/scratch", Options: []string{"size=1m"}},
		},
		Hooks: &runtime.Hooks{CreateContainer: []runtime.Hook{{Path: "/bin/hook", Args: []string{"hook", "x"}}}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestWhatIsRefused(t *testing.T) {
	spec := func(edits string) string {
		return `{"cdiVersion": "1.1.0", "kind": "v.com/c", "devices": [{"name": "d", "containerEdits": ` + edits + `}]}`
	}
	for name, tt := range map[string]struct{ text, want string }{
		"cache":        {spec(`{"intelRdt": {"closID": "x"}}`), "only root can"},
		"interface":    {spec(`{"netDevices": [{"hostInterfaceName": "eth0", "name": "eth0"}]}`), "only root can"},
		"file system":  {spec(`{"mounts": [{"hostPath": "x", "containerPath": "/x", "type": "ext4"}]}`), "only root can"},
		"no node":      {spec(`{"deviceNodes": [{"path": "/dev/not-there"}]}`), "its node is not there"},
		"no source":    {spec(`{"mounts": [{"hostPath": "/not-there", "containerPath": "/x"}]}`), "is not there"},
		"other device": {spec(`{"env": ["A=b"]}`), ""},
		"damaged":      {`{`, "no CDI specification"},
	} {
		t.Run(name, func(t *testing.T) {
			r := registry(t, map[string]string{"spec.json": tt.text})
			device := "v.com/c=d"
			if tt.want == "" {
				device, tt.want = "v.com/c=other", "no CDI specification"
			}
			_, err := r.Edits([]string{device})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if !slices.Equal(DefaultDirs(), []string{"/etc/cdi", "/var/run/cdi"}) {
		t.Error("the directories are not those that others read")
	}
}
