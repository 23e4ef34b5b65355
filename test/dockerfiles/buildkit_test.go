package dockerfiles

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// buildkit is a BuildKit daemon that the developer has started, and docker buildx, which talks to it. docs/testing.md says how to have one.
type buildkit struct {
	buildx string
	env    []string
	bases  map[string]string // their addresses by name
	out    string            // where it writes images
}

// newBuildKit is nil where BUILDKIT_HOST names no daemon.
func newBuildKit(t *testing.T) *buildkit {
	t.Helper()
	host := os.Getenv("BUILDKIT_HOST")
	if host == "" {
		return nil
	}
	buildx, err := exec.LookPath("docker-buildx")
	if err != nil {
		t.Fatalf("BUILDKIT_HOST is set, and docker-buildx is not on PATH: %v", err)
	}
	b := &buildkit{buildx: buildx, out: t.TempDir()}
	b.env = append(os.Environ(), "BUILDX_CONFIG="+t.TempDir(), "BUILDX_NO_DEFAULT_ATTESTATIONS=1", "BUILDX_BUILDER=supplied",
		"BUILDX_BAKE_ENTITLEMENTS_FS=0") // the bases lie outside of the context
	if out, err := b.command(t.Context(), "create", "--name", "supplied", "--driver", "remote", host).CombinedOutput(); err != nil {
		t.Fatalf("use %s: %v\n%s", host, err, out)
	}
	if b.bases, err = writeLayouts(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *buildkit) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.buildx, args...)
	cmd.Env = b.env
	return cmd
}

// writeLayouts writes the bases as OCI layouts, since they are in no registry: the addresses by name.
func writeLayouts(dir string) (map[string]string, error) {
	images, err := baseImages()
	if err != nil {
		return nil, err
	}
	places := map[string]string{}
	for ref, image := range images {
		place := filepath.Join(dir, strings.ReplaceAll(ref, ":", "_"))
		if err := writeLayout(place, image); err != nil {
			return nil, err
		}
		places[ref] = "oci-layout://" + place + ":base"
	}
	return places, nil
}

func writeLayout(place string, image v1.Image) error {
	l, err := layout.Write(place, empty.Index)
	if err != nil {
		return err
	}
	return l.AppendImage(image, layout.WithAnnotations(map[string]string{"org.opencontainers.image.ref.name": "base"}))
}

// build builds a case into archives, one for each target of a bake file.
func (b *buildkit) build(s *suite, c *testCase, dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), trialTimeout)
	defer cancel()
	args, err := b.arguments(ctx, c, dir)
	if err != nil {
		return err
	}
	cmd := b.command(ctx, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, s.secrets()...)
	text, err := os.ReadFile(filepath.Join(dir, c.dockerfile()))
	if text, ok := withoutSyntax(string(text)); err == nil && ok && c.bake == nil {
		cmd.Args = append(cmd.Args, "-f", "-")
		cmd.Stdin = strings.NewReader(text)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker-buildx: %w\n%s", err, out)
	}
	return nil
}

// syntaxLine names an image with a frontend, which would be fetched; the daemon has one.
var syntaxLine = regexp.MustCompile(`(?im)^\x{feff}?#\s*syntax\s*=.*$`)

func withoutSyntax(dockerfile string) (string, bool) {
	return syntaxLine.ReplaceAllString(dockerfile, "#"), syntaxLine.MatchString(dockerfile)
}

// arguments are those of buildx for a case.
func (b *buildkit) arguments(ctx context.Context, c *testCase, dir string) ([]string, error) {
	common := []string{"--progress", "plain", "--no-cache"}
	if c.bake == nil {
		args := slices.Concat([]string{"build", "-t", "localhost/" + c.name, "--network", "none", "--output", b.output(c.name)}, common)
		for ref, place := range b.bases {
			args = append(args, "--build-context", ref+"="+place)
		}
		for _, arg := range c.args {
			name, ref, ok := strings.Cut(arg, "=docker-image://docker.io/library/")
			if ok {
				arg = name + "=" + b.bases[ref]
			}
			args = append(args, arg)
		}
		return append(args, "."), nil
	}
	targets, err := b.targets(ctx, c, dir)
	if err != nil {
		return nil, err
	}
	args := slices.Concat(c.bake[1:], common)
	for _, target := range targets {
		args = append(args, "--set", target+".output="+b.output(c.name+"."+target))
		for ref, place := range b.bases {
			args = append(args, "--set", target+".contexts."+ref+"="+place)
		}
	}
	return args, nil
}

// output is where an image goes, and how.
func (b *buildkit) output(name string) string {
	return "type=docker,compression=uncompressed,force-compression=true,dest=" + filepath.Join(b.out, name+".tar")
}

// targets are those that a bake file builds.
func (b *buildkit) targets(ctx context.Context, c *testCase, dir string) ([]string, error) {
	cmd := b.command(ctx, append(slices.Clone(c.bake[1:]), "--print")...)
	cmd.Dir = dir
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("docker-buildx bake --print: %w", err)
	}
	var printed struct{ Target map[string]any }
	if err := json.Unmarshal(text, &printed); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(printed.Target)), nil
}

// picture is what BuildKit has made of a case, or nil. Of a bake file it is the image that has the name of the case.
func (b *buildkit) picture(t *testing.T, c *testCase) *picture {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(b.out, c.name+"*.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, archive := range archives {
		if last := strings.TrimPrefix(filepath.Base(archive), c.name); last[0] != '.' {
			continue // another case, whose name begins with this one's
		}
		pictures, err := readSaved(archive, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if p := pictures["localhost/"+c.name+":latest"]; p != nil {
			return p
		}
	}
	return nil
}
