package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

// imagetoolsCreate is one call of imagetools create.
type imagetoolsCreate struct {
	image.PushOptions
	access      accessFlags
	tags        []string
	annotations map[string]string
	appending   bool
	dryRun      bool
}

func newImagetoolsCreateCommand(a *app, name string) *cobra.Command {
	o := imagetoolsCreate{annotations: map[string]string{}}
	cmd := &cobra.Command{
		Use:   "create [flags] SOURCE [SOURCE...]",
		Short: "Put a list of images together in a registry",
		Long: "Put the images that names in registries stand for into one list, with what attests to them, and give it names in a registry. A single source\n" +
			"is copied as it is.",
		Example: a.example(name+" create -t quay.io/team/app:1 quay.io/team/app:amd64 quay.io/team/app:arm64", name+" create -t quay.io/team/app:latest quay.io/team/app:1"),
		Args:    cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(o.tags) == 0 && !o.dryRun {
				return usageError{errors.New("give the name of what is made with --tag")}
			}
			if o.appending && len(o.tags) != 1 {
				return usageError{errors.New("--append adds to what one --tag names")}
			}
			if err := o.access.complete(cmd.Flags(), a, &o.Access, true); err != nil {
				return err
			}
			return runImagetoolsCreate(cmd.Context(), a, args, o)
		},
	}
	f := cmd.Flags()
	o.access.add(f, &o.Access)
	addInsecure(f, &o.Access)
	f.StringArrayVarP(&o.tags, "tag", "t", nil, "name of what is made, in a registry; may be given several times")
	f.Var(intoMap(o.annotations, always), "annotation", "give the list an annotation: NAME=value, with index: in front or not")
	f.BoolVar(&o.appending, "append", false, "add to the list that the tag names")
	f.BoolVar(&o.dryRun, "dry-run", false, "show the list instead of making it")
	return cmd
}

func runImagetoolsCreate(ctx context.Context, a *app, sources []string, o imagetoolsCreate) (err error) {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	if o.appending {
		sources = append([]string{o.tags[0]}, sources...)
	}
	if len(sources) == 1 && len(o.annotations) == 0 && !o.dryRun {
		return o.copyTo(ctx, a, store, sources[0])
	}
	// The list lives in the store until it is where it is to be.
	list, err := store.CreateManifestList(ctx, "localhost/pod-imagetools:"+strings.ToLower(rand.Text())[:20], false)
	if err != nil {
		return err
	}
	defer func() {
		_, gone := store.Remove(context.WithoutCancel(ctx), list.ID, image.RemoveOptions{Force: true, NoPrune: true})
		err = errors.Join(err, gone)
	}()
	if list, err = o.fill(ctx, a, store, list, sources); err != nil {
		return err
	}
	if o.dryRun {
		return writeJSON(a.Out, list.Index)
	}
	for _, tag := range o.tags {
		pushed, err := a.courier().PushList(ctx, store, list.ID, tag, false, o.PushOptions)
		if err := errors.Join(a.tellCreated(pushed), err); err != nil {
			return err
		}
	}
	return nil
}

// fill puts the images of the sources into a list.
func (o imagetoolsCreate) fill(ctx context.Context, a *app, store *image.Store, list *image.ManifestList, sources []string) (_ *image.ManifestList, err error) {
	var names []string
	for _, source := range sources {
		if !strings.Contains(source, "://") {
			source = "docker://" + source
		}
		names = append(names, source)
	}
	if list, err = a.courier().AddToList(ctx, store, list.ID, names, image.ListAdd{Access: o.Access, All: true}); err != nil || len(o.annotations) == 0 {
		return list, err
	}
	annotations := map[string]string{}
	for key, value := range o.annotations {
		annotations[strings.TrimPrefix(key, "index:")] = value
	}
	return store.EditManifestList(ctx, list.ID, func(l *image.ManifestList) error { l.Annotate(annotations); return nil })
}

func (o imagetoolsCreate) copyTo(ctx context.Context, a *app, store *image.Store, source string) error {
	for _, tag := range o.tags {
		pushed, err := a.courier().Copy(ctx, store, source, tag, o.PushOptions)
		if err := errors.Join(a.tellCreated(pushed), err); err != nil {
			return err
		}
	}
	return nil
}

// tellCreated says what is in the registry now.
func (a *app) tellCreated(pushed []image.Pushed) error {
	for _, p := range pushed {
		if _, err := fmt.Fprintf(a.Out, "%s@%s\n", report.Escape(p.Name), p.Digest); err != nil {
			return err
		}
	}
	return nil
}
