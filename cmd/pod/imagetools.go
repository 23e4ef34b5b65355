package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/attestation"
	"github.com/spf13/cobra"
)

// newImagetoolsCommand holds what docker buildx has for images in registries.
func newImagetoolsCommand(a *app, name string) *cobra.Command {
	name += " imagetools"
	cmd := onlyCommands(&cobra.Command{
		Use: "imagetools", Short: "Look at images in registries, and put lists of them together",
		Example: a.example(name+" inspect quay.io/team/app", name+` inspect quay.io/team/app --format "{{json .Provenance}}"`),
	})
	cmd.AddCommand(newImagetoolsInspectCommand(a, name), newImagetoolsCreateCommand(a, name))
	return cmd
}

func newImagetoolsInspectCommand(a *app, name string) *cobra.Command {
	var opts image.LookAt
	var access accessFlags
	var format string
	var raw bool
	cmd := &cobra.Command{
		Use:   "inspect [flags] NAME",
		Short: "Show an image in a registry, and what is stated of it",
		Long: "Show an image or a list of images as its registry has it; of a name that no registry has, the manifest list in the store. Templates have\n" +
			".Name, .Manifest, .Image (the configuration), .Provenance (.SLSA: how it was made) and .SBOM (.SPDX: what it is made of). For\n" +
			"several platforms the last three are maps: index .Provenance \"linux/amd64\".",
		Example: a.example(name+" inspect quay.io/team/app", name+` inspect quay.io/team/app --format "{{json .Provenance.SLSA}}"`, name+` inspect quay.io/team/app --format "{{json .SBOM.SPDX}}"`),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if raw && format != "" {
				return usageError{errors.New("--raw shows the manifest as it is, which --format cannot change; give one of them")}
			}
			if err := access.complete(cmd.Flags(), a, &opts.Access, true); err != nil {
				return err
			}
			opts.Configs = format != ""
			opts.Statements = strings.Contains(format, ".Provenance") || strings.Contains(format, ".SBOM")
			return runImagetoolsInspect(cmd.Context(), a, args[0], format, raw, opts)
		},
	}
	f := cmd.Flags()
	access.add(f, &opts.Access)
	addInsecure(f, &opts.Access)
	f.StringVar(&format, "format", "", "print with a Go template")
	f.BoolVar(&raw, "raw", false, "print the manifest as it is, byte for byte")
	return cmd
}

func runImagetoolsInspect(ctx context.Context, a *app, name, format string, raw bool, at image.LookAt) error {
	found, err := a.look(ctx, name, at)
	if err != nil {
		return err
	}
	if raw {
		_, err := a.Out.Write(found.Text)
		return err
	}
	if format == "" || strings.ReplaceAll(format, " ", "") == "{{.Manifest}}" {
		return a.printLooked(name, found)
	}
	view, err := viewOf(name, found)
	if err != nil {
		return err
	}
	return report.Record(a.Out, view, format, a.style())
}

// look gives what a registry has, or else the store.
func (a *app) look(ctx context.Context, name string, at image.LookAt) (image.Looked, error) {
	store, err := a.images(ctx)
	if err != nil {
		return image.Looked{}, err
	}
	list, local := store.ManifestList(ctx, name)
	if local == nil && strings.HasPrefix(list.NameFor(name), "localhost/") {
		return lookLocally(store, list)
	}
	found, err := a.courier().Look(ctx, store, name, at)
	if err != nil && local == nil {
		return lookLocally(store, list)
	}
	return found, err
}

// lookLocally gives a list of the store as if it were in a registry.
func lookLocally(store *image.Store, list *image.ManifestList) (image.Looked, error) {
	out := image.Looked{Manifests: map[digest.Digest][]byte{}, Blobs: map[digest.Digest][]byte{}}
	text, err := store.RawManifest(list.Image)
	if err != nil {
		return out, err
	}
	out.Text, out.Type, out.Digest = text, specs.MediaTypeImageIndex, digest.FromBytes(text)
	for _, d := range list.Index.Manifests {
		kept, ok, err := list.Artifact(d.Digest)
		if err != nil {
			return out, err
		}
		if ok {
			out.Manifests[d.Digest] = kept.Manifest
			for sum, blob := range kept.Blobs {
				out.Blobs[sum] = blob
			}
			continue
		}
		img, err := store.WithManifest(d.Digest.String())
		if err != nil || img == nil {
			continue // it is elsewhere
		}
		if out.Manifests[d.Digest], err = store.RawManifest(img); err != nil {
			return out, err
		}
		config, err := store.RawConfig(img)
		if err != nil {
			return out, err
		}
		out.Blobs[digest.FromBytes(config)] = config
	}
	return out, nil
}

// printLooked shows a manifest as docker buildx does.
func (a *app) printLooked(name string, found image.Looked) error {
	rows := [][2]string{{"Name:", name}, {"MediaType:", found.Type}, {"Digest:", found.Digest.String()}}
	for _, row := range rows {
		fmt.Fprintf(a.Out, "%-10s %s\n", row[0], report.Escape(row[1]))
	}
	var index specs.Index
	if err := json.Unmarshal(found.Text, &index); err != nil || len(index.Manifests) == 0 {
		return err
	}
	repository, _, _ := strings.Cut(name, "@")
	if n, err := image.ParseName(name); err == nil {
		repository = n.Repository()
	}
	fmt.Fprintf(a.Out, "%-10s\nManifests: \n", "")
	for i, d := range index.Manifests {
		if i > 0 {
			fmt.Fprintln(a.Out)
		}
		rows := [][2]string{{"Name:", repository + "@" + d.Digest.String()}, {"MediaType:", d.MediaType}}
		if d.Platform != nil {
			rows = append(rows, [2]string{"Platform:", platformText(*d.Platform)})
		}
		for _, row := range rows {
			fmt.Fprintf(a.Out, "  %-10s %s\n", row[0], report.Escape(row[1]))
		}
		if len(d.Annotations) > 0 {
			fmt.Fprintln(a.Out, "  Annotations: ")
			for _, key := range sortedKeys(d.Annotations) {
				fmt.Fprintf(a.Out, "    %s: %s\n", report.Escape(key), report.Escape(d.Annotations[key]))
			}
		}
	}
	return nil
}

func platformText(p specs.Platform) string {
	return strings.TrimSuffix(p.OS+"/"+p.Architecture+"/"+p.Variant, "/")
}

// imageView is what templates see; its fields are buildx's.
type imageView struct {
	Name       string `json:"name,omitempty"`
	Manifest   any    `json:"manifest,omitempty"`
	Image      any    `json:"image,omitempty"`
	Provenance any    `json:"-"`
	SBOM       any    `json:"-"`
}

type provenanceView struct {
	SLSA any `json:",omitempty"`
}

type bomView struct {
	SPDX            any   `json:",omitempty"`
	AdditionalSPDXs []any `json:",omitempty"`
}

// platformView is what there is of one image.
type platformView struct {
	config     *specs.Image
	provenance provenanceView
	bom        bomView
}

// viewOf puts together what templates see: of several platforms maps, else the things themselves.
func viewOf(name string, found image.Looked) (imageView, error) {
	view := imageView{Name: name}
	var index specs.Index
	if err := json.Unmarshal(found.Text, &index); err != nil {
		return view, err
	}
	if len(index.Manifests) == 0 {
		one, err := platformOf(found, found.Digest, nil)
		view.Manifest = specs.Descriptor{MediaType: found.Type, Digest: found.Digest, Size: int64(len(found.Text))}
		view.Image, view.Provenance, view.SBOM = one.config, one.provenance, one.bom
		return view, err
	}
	view.Manifest = struct {
		SchemaVersion int                `json:"schemaVersion"`
		MediaType     string             `json:"mediaType,omitempty"`
		Digest        digest.Digest      `json:"digest"`
		Size          int64              `json:"size"`
		Manifests     []specs.Descriptor `json:"manifests"`
		Annotations   map[string]string  `json:"annotations,omitempty"`
	}{index.SchemaVersion, found.Type, found.Digest, int64(len(found.Text)), index.Manifests, index.Annotations}
	configs, provenances, boms := map[string]*specs.Image{}, map[string]provenanceView{}, map[string]bomView{}
	for _, d := range index.Manifests {
		if _, attests := image.Attests(d); attests || d.Platform == nil {
			continue
		}
		one, err := platformOf(found, d.Digest, index.Manifests)
		if err != nil {
			return view, err
		}
		p := platformText(*d.Platform)
		configs[p], provenances[p], boms[p] = one.config, one.provenance, one.bom
		view.Image, view.Provenance, view.SBOM = one.config, one.provenance, one.bom
	}
	if len(configs) > 1 {
		view.Image, view.Provenance, view.SBOM = configs, provenances, boms
	}
	return view, nil
}

// platformOf gives what there is of the image with this manifest.
func platformOf(found image.Looked, sum digest.Digest, entries []specs.Descriptor) (one platformView, err error) {
	var m specs.Manifest
	if text, ok := found.Manifests[sum]; ok {
		if err := json.Unmarshal(text, &m); err != nil {
			return one, err
		}
	}
	if text, ok := found.Blobs[m.Config.Digest]; ok {
		if err := json.Unmarshal(text, &one.config); err != nil {
			return one, fmt.Errorf("read the configuration: %w", err)
		}
	}
	for _, d := range entries {
		if about, ok := image.Attests(d); !ok || about != sum || found.Manifests[d.Digest] == nil {
			continue
		}
		statements, err := attestation.Read(image.Artifact{Manifest: found.Manifests[d.Digest], Blobs: found.Blobs})
		if err != nil {
			return one, err
		}
		for _, s := range statements {
			if err := one.add(s); err != nil {
				return one, err
			}
		}
	}
	return one, nil
}

func (one *platformView) add(s attestation.Statement) error {
	var predicate any
	if err := json.Unmarshal(s.Predicate, &predicate); err != nil {
		return err
	}
	switch {
	case strings.HasPrefix(s.PredicateType, attestation.Provenance):
		one.provenance.SLSA = predicate
	case s.PredicateType == attestation.SPDX && one.bom.SPDX == nil:
		one.bom.SPDX = predicate
	case s.PredicateType == attestation.SPDX:
		one.bom.AdditionalSPDXs = append(one.bom.AdditionalSPDXs, predicate)
	}
	return nil
}

func sortedKeys(m map[string]string) []string {
	var keys []string
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
