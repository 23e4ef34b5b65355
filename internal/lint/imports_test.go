// Package lint holds the rules of the code base as tests: who may import whom (docs/architecture.md), and the few habits
// that a machine can check. Each rule carries its reason, which is what a failure prints.
package lint

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pod-engine/pod/"

// pkg is what these tests need of the output of go list.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	CgoFiles   []string
	Imports    []string
	Deps       []string
}

func (p pkg) name() string { return strings.TrimPrefix(p.ImportPath, module) }

// packages are all packages of this module.
func packages(t *testing.T) []pkg {
	t.Helper()
	const tags = "containers_image_openpgp exclude_graphdriver_btrfs osusergo netgo"
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,CgoFiles,Imports,Deps", "-tags", tags, module+"...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

type importRule struct {
	name    string
	imports []string
	reason  string
}

// allowed says which packages of this module a package, and those below it, may import beside internal/...
var allowed = []importRule{
	{"pkg/container", nil, "the types are a leaf: everybody may use them, and they can be tested without anything else"},
	{"pkg/oci", []string{"pkg/container"}, "rendering a spec is pure; it knows nothing of engines and stores"},
	{"pkg/rootless", nil, "it runs before everything else"},
	{"cmd/pod-uplink", []string{"pkg/netns"}, "it serves a namespace and knows no engine"},
	{"cmd/pod-network", []string{"pkg/netns"}, "it serves networks and knows no engine"},
	{"pkg/netns", []string{"pkg/container", "pkg/netns"}, "a network is made for a description of one, not for an engine"},
	{"pkg/image/attestation", []string{"pkg/image"}, "what is said of an image lies beside it in its list"},
	{"pkg/image/artifact", []string{"pkg/image"}, "artifacts lie beside images and have names like theirs"},
	{"pkg/image/trust", nil, "a policy is read and written without a store"},
	{"pkg/image/courier", []string{"pkg/image"}, "it has pod-transfer do what it must not link"},
	{"pkg/image/transfer", []string{"pkg/image"}, "images exist without containers"},
	{"pkg/image", []string{"pkg/container"}, "images exist without containers, and the store without the registry client"},
	{"pkg/scan", []string{"pkg/scan"}, "it looks at directories, whoever keeps them"},
	{"pkg/engine/monitor", []string{"pkg/engine/monitor"}, "it is linked into pod-monitor, of which every container has one in memory"},
	{"pkg/engine/event", nil, "events are read without an engine"},
	{"pkg/build/plan", nil, "it is what the reader of a Dockerfile and the builder agree on"},
	{"pkg/build/files", []string{"pkg/container", "pkg/build/plan"}, "files are found, read and placed without a build"},
	{"pkg/build/progress", nil, "a display is told what is done, and knows nothing of it"},
	{"pkg/build/bom", nil, "documents are put together without a build"},
	{"pkg/build/provenance", []string{"pkg/build/plan"}, "what is said of a build is a pure function of it"},
	{"pkg/build/frontend", []string{"pkg/build/plan", "pkg/container"}, "reading a Dockerfile is pure"},
	{"pkg/build/bake/definition", []string{"pkg/build/bake"}, "reading files of targets is pure"},
	{"pkg/build/bake", nil, "it is what pod and pod-bake agree on"},
	{"pkg/cdi", []string{"pkg/container"}, "it says what devices by name change of a configuration"},
	{"pkg/build", []string{"pkg/container", "pkg/image", "pkg/build/plan", "pkg/build/files", "pkg/build/bom", "pkg/build/progress", "pkg/build/provenance", "pkg/engine/step"}, "the builder is given who runs its steps"},
	{"pkg/engine/step", []string{"pkg/container", "pkg/image"}, "a step is described without an engine"},
	{"pkg/engine/log", []string{"pkg/container"}, "logs are read without an engine"},
	{"pkg/engine", []string{"pkg/container", "pkg/oci", "pkg/rootless", "pkg/netns", "pkg/image", "pkg/cdi", "pkg/engine"}, "the engine is above the parts and below the command"},
	{"cmd/pod-monitor", []string{"pkg/engine/monitor"}, "see pkg/engine/monitor"},
	{"cmd/pod-transfer", []string{"pkg/image"}, "it brings images in and out and knows no container"},
	{"cmd/pod-bake", []string{"pkg/build/bake"}, "it reads text and can do nothing else"},
	{"cmd/pod-frontend", []string{"pkg/build/frontend", "pkg/build/plan"}, "it reads what strangers wrote and can do nothing else"},
	{"cmd/pod-scan", []string{"pkg/scan"}, "it is handed the directories of layers and knows no store"},
	{"cmd/pod-hello", nil, "it runs in a container"},
	{"cmd/pod", []string{"pkg"}, "the command wires the packages together"},
	{"internal", nil, "small packages that anybody may import import nobody"},
	{"test", []string{"cmd", "pkg"}, "tests may look everywhere"},
}

func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func TestImportsFollowTheTable(t *testing.T) {
	for _, p := range packages(t) {
		row := slices.IndexFunc(allowed, func(r importRule) bool { return below(p.name(), r.name) })
		if row < 0 {
			t.Errorf("%s has no row in the import table; give it one here and in docs/architecture.md", p.name())
			continue
		}
		rule := allowed[row]
		for _, imported := range p.Imports {
			name, ours := strings.CutPrefix(imported, module)
			if !ours || below(name, "internal") || slices.ContainsFunc(rule.imports, func(dir string) bool { return below(name, dir) }) {
				continue
			}
			t.Errorf("%s must not import %s: %s", p.name(), name, rule.reason)
		}
	}
}

// owned are libraries that only some packages may import, so that they can be replaced or left out.
var owned = []struct {
	library string
	owners  []string
	reason  string
}{
	{"github.com/opencontainers/runtime-spec", []string{"pkg/oci", "pkg/engine", "pkg/cdi"}, "oci.Spec is the only producer of a spec"},
	{"tags.cncf.io/container-device-interface", []string{"pkg/cdi"}, "what a device by name means is said in one place"},
	{"github.com/opencontainers/runtime-tools", []string{"pkg/oci"}, "its defaults are not ours; oci clears and refills them"},
	{"github.com/moby/profiles", []string{"pkg/oci"}, "one place decides what a container may call"},
	{"go.podman.io/image", []string{"pkg/image/transfer"}, "it doubles the start-up time of what links it"},
	{"go.podman.io/storage", []string{"pkg/image", "pkg/engine", "pkg/rootless", "pkg/build", "cmd/pod", "cmd/pod-transfer", "internal/podtest"}, "who opens the store pays for it; programs and tests need its re-execution"},
	{"github.com/CycloneDX/cyclonedx-go", []string{"pkg/scan/sbom"}, "documents are made in one place, of a report"},
	{"github.com/spdx/tools-golang", []string{"pkg/scan/sbom"}, "documents are made in one place, of a report"},
	{"github.com/package-url/packageurl-go", []string{"pkg/scan/inventory", "pkg/scan/sbom"}, "only who finds packages names them"},
	{"github.com/vishvananda/netlink", []string{"pkg/netns/bridge", "pkg/netns/stack"}, "it is pod-network's and pod-uplink's"},
	{"github.com/containers/gvisor-tap-vsock", []string{"pkg/netns/stack"}, "it is pod-uplink's"},
	{"github.com/google/nftables", []string{"pkg/netns/bridge"}, "it is pod-network's"},
	{"github.com/miekg/dns", []string{"pkg/netns/bridge", "test"}, "it is pod-network's"},
	{"github.com/rootless-containers/rootlesskit", []string{"pkg/netns/bridge"}, "port forwarding is a matter of the network"},
	{"github.com/moby/buildkit", []string{"pkg/build/frontend"}, "the meaning of a Dockerfile is BuildKit's, what is done with it is ours"},
	{"github.com/docker/buildx", []string{"pkg/build/bake/definition"}, "its parser of bake files, and nothing else of it"},
	{"github.com/compose-spec/compose-go/v2", []string{"pkg/build/bake/definition"}, "compose files mean what they mean to docker"},
	{"github.com/hashicorp/hcl/v2", []string{"pkg/build/bake/definition"}, "files of targets"},
	{"github.com/zclconf/go-cty", []string{"pkg/build/bake/definition"}, "values of HCL"},
	{"github.com/moby/patternmatcher", []string{"pkg/build/files", "pkg/build/frontend"}, "what an ignore file leaves out"},
	{"github.com/moby/docker-image-spec", []string{"pkg/build"}, "the configuration of an image, with what docker has added"},
	{"github.com/spf13/cobra", []string{"cmd/pod"}, "packages take arguments, not flags"},
	{"github.com/spf13/pflag", []string{"cmd/pod"}, "packages take arguments, not flags"},
	{"github.com/rogpeppe/go-internal", []string{"test"}, "for tests"},
	{"github.com/google/go-containerregistry", []string{"test", "internal/podtest"}, "for tests; pkg/image has its own library"},
	{"github.com/creack/pty", []string{"test"}, "for tests"},
}

func TestLibrariesStayWhereTheyBelong(t *testing.T) {
	for _, p := range packages(t) {
		for _, rule := range owned {
			if slices.ContainsFunc(rule.owners, func(dir string) bool { return below(p.name(), dir) }) {
				continue
			}
			for _, imported := range p.Imports {
				if below(imported, rule.library) {
					t.Errorf("%s must not import %s, only %s may: %s", p.name(), imported, strings.Join(rule.owners, ", "), rule.reason)
				}
			}
		}
	}
}

// absent are packages that a program must not contain at all, however deep.
var absent = []struct {
	program, dependency, reason string
}{
	{"cmd/pod-monitor", "encoding/json", "a quarter of a megabyte in every container's monitor"},
	{"cmd/pod-monitor", "net", "starts the resolver; sockets are made with x/sys/unix"},
	{"cmd/pod-monitor", "net/http", "see net"},
	{"pkg/engine/monitor", "encoding/json", "it is linked into pod-monitor"},
	{"pkg/engine/monitor", "net", "it is linked into pod-monitor"},
	{"cmd/pod", module + "pkg/image/transfer", "the registry client more than doubles the start-up time; package courier has pod-transfer do it"},
	{"cmd/pod", module + "pkg/build/bake/definition", "the HCL parser is in pod-bake"},
	{"cmd/pod", module + "pkg/build/frontend", "its libraries cost every command's start; pod-frontend reads Dockerfiles"},
	{"cmd/pod", "google.golang.org/protobuf/proto", "comes with BuildKit's parser, and registers itself at start"},
	{"cmd/pod", module + "pkg/scan/inventory", "pod-scan looks into images; pod only asks it"},
	{"cmd/pod", module + "pkg/scan/sbom", "the libraries for bills of materials are in pod-scan"},
	{"cmd/pod", module + "pkg/netns/stack", "a network stack of 7 MB that most machines do not need"},
	{"cmd/pod-network", module + "pkg/netns/stack", "it more than doubles the memory of the helper"},
	{"cmd/pod", module + "pkg/netns/bridge", "netlink, nftables and DNS are pod-network's"},
	{"cmd/pod", "github.com/miekg/pkcs11", "needs dlopen, which a static executable must not"},
	{"cmd/pod", "testing", "registers flags at start"},
	{"cmd/pod", module + "internal/podtest", "is for tests"},
	{"cmd/pod", "github.com/spf13/cobra/doc", "links a Markdown parser; the manual pages are made by a test"},
	{"cmd/pod-hello", "fmt", "the demonstration is part of every pod executable and stays small"},
}

func TestProgramsDoNotContain(t *testing.T) {
	for _, p := range packages(t) {
		for _, rule := range absent {
			if p.name() == rule.program && slices.Contains(p.Deps, rule.dependency) {
				t.Errorf("%s must not contain %s: %s", rule.program, rule.dependency, rule.reason)
			}
		}
	}
}
