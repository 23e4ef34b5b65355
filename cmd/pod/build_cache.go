package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// cachePlace is one --cache-from or --cache-to.
type cachePlace struct {
	kind         string // "local", "registry" or "inline"
	place        string // directory or name
	all, mounts  bool
	ignoreErrors bool
	insecure     bool
	level        int // of compression; 0: the usual one
}

// parseCachePlace reads "type=TYPE,KEY=VALUE...", or as podman has it the name of a repository.
func parseCachePlace(s string, writes bool) (p cachePlace, err error) {
	fields, err := csvFields(s)
	if err != nil {
		return p, err
	}
	if len(fields) == 1 && !strings.Contains(s, "=") {
		return cachePlace{kind: "registry", place: s}, nil
	}
	place := map[string]string{"local": "src", "registry": "ref"} // the key that says where
	more := []string{}
	if writes {
		place["local"], more = "dest", []string{"mode", "mounts", "ignore-error", "oci-mediatypes", "image-manifest", "compression", "compression-level", "force-compression"}
	}
	keys := map[string][]string{"local": append(more, place["local"]), "registry": append(more, "ref", "registry.insecure"), "inline": {}}
	p.kind = typeOf(fields)
	if why, hinted := cacheKindLeftOut(p.kind); why != "" {
		return p, hint.Wrap(fmt.Errorf("type=%s is not possible: %s", p.kind, why), hinted)
	}
	if p.kind == "" {
		return p, fmt.Errorf("%q has no type: it is type=local,%s=DIRECTORY or type=registry,ref=NAME", s, place["local"])
	}
	known, ok := keys[p.kind]
	if !ok || p.kind == "inline" && !writes {
		return p, fmt.Errorf("type=%s: caches are exchanged with type=local and type=registry, which reads an inline one too", p.kind)
	}
	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		if key == "type" {
			continue
		}
		if !slices.Contains(known, key) {
			return p, fmt.Errorf("type=%s has no %q; it has %s", p.kind, key, cmp.Or(strings.Join(known, ", "), "nothing to say"))
		}
		if err := p.set(key, value); err != nil {
			return p, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	if p.place == "" && p.kind != "inline" {
		return p, fmt.Errorf("type=%s needs %s=", p.kind, place[p.kind])
	}
	return p, nil
}

// cacheKindLeftOut are types of BuildKit's that pod does not write, and what to do instead.
func cacheKindLeftOut(kind string) (why, hinted string) {
	switch kind {
	case "gha":
		return "pod does not speak the protocol of GitHub's cache",
			"type=registry,ref=ghcr.io/OWNER/NAME,mode=max, or type=local with a directory that actions/cache keeps"
	case "s3", "azblob":
		return "pod keeps caches in registries and directories only", "type=registry,ref=REGISTRY/NAME,mode=max, or type=local with a directory that is synchronized"
	}
	return "", ""
}

func (p *cachePlace) set(key, value string) (err error) {
	switch key {
	case "ref":
		p.place = value
	case "src", "dest":
		p.place, err = filepath.Abs(value)
	case "mode":
		p.all = value == "max"
		if value != "max" && value != "min" {
			err = fmt.Errorf("it is min (the steps of the image) or max (all steps)")
		}
	case "mounts":
		p.mounts, err = switchedOn(value)
	case "ignore-error":
		p.ignoreErrors, err = switchedOn(value)
	case "registry.insecure":
		p.insecure, err = switchedOn(value)
	case "compression":
		if value != "zstd" {
			err = fmt.Errorf("a cache is compressed with zstd")
		}
	case "compression-level":
		if p.level, err = strconv.Atoi(value); err != nil || p.level < 1 || p.level > 22 {
			err = errors.New("it is a level of zstd, 1 to 22")
		}
	case "force-compression":
		_, err = switchedOn(value) // all that a cache has is compressed in one way
	case "oci-mediatypes", "image-manifest":
		var on bool
		if on, err = switchedOn(value); err == nil && !on {
			err = fmt.Errorf("a cache is always an image with OCI's media types")
		}
	}
	return err
}

// completeCaches gives the job the caches of others.
func (o *buildOptions) completeCaches(a *app, b *build.Builder) error {
	for _, p := range o.cacheFrom {
		if p.kind == "local" {
			o.job.CacheFrom = append(o.job.CacheFrom, build.LocalCache(p.place))
			continue
		}
		name, err := p.name()
		if err != nil {
			return usageError{fmt.Errorf("--cache-from: %w", err)}
		}
		o.job.CacheFrom = append(o.job.CacheFrom, o.registryCache(a, b, name, o.cacheAccess(p)))
	}
	for _, p := range o.cacheTo {
		target := build.CacheTarget{Name: p.place, All: p.all, Mounts: p.mounts, IgnoreErrors: p.ignoreErrors, Level: p.level}
		switch p.kind {
		case "inline":
			o.job.InlineCache = true
			continue
		case "local":
			target.Dir = p.place
		default:
			name, err := p.name()
			if err != nil {
				return usageError{fmt.Errorf("--cache-to: %w", err)}
			}
			target.Send = func(ctx context.Context, dir string, tell io.Writer) error {
				to := image.PushOptions{Access: o.cacheAccess(p)}
				to.Progress, to.Terminal = tell, false
				_, err := a.courier().PushLayout(ctx, b.Images, dir, build.CacheTag, name, to)
				return err
			}
		}
		o.job.CacheTo = append(o.job.CacheTo, target)
	}
	return nil
}

// name is the full name of a cache in a registry.
func (p cachePlace) name() (string, error) {
	name, err := image.LocalName(p.place)
	return name.String(), err
}

func (o *buildOptions) cacheAccess(p cachePlace) image.Access {
	access := o.job.Pull.Access
	if p.insecure {
		verify := false
		access.TLSVerify = &verify
	}
	return access
}

func (o *buildOptions) registryCache(a *app, b *build.Builder, name string, access image.Access) build.CacheSource {
	return build.CacheSource{
		Name: name,
		Manifest: func(ctx context.Context, p plan.Platform) ([]byte, error) {
			m, err := a.courier().ManifestFor(ctx, b.Images, name, image.Platform{OS: p.OS, Arch: p.Arch, Variant: p.Variant}, access)
			return m.Text, err
		},
		Blob: func(ctx context.Context, d specs.Descriptor, path string) error {
			return a.courier().Blob(ctx, b.Images, name, d, path, access)
		},
	}
}
