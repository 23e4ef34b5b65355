package main

import (
	"context"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/artifact"
	"github.com/spf13/cobra"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

type artifactListOptions struct {
	format             string
	noTrunc, noHeading bool
}

func newArtifactListCommand(a *app) *cobra.Command {
	var opts artifactListOptions
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List artifacts",
		Example: a.example("artifact ls", `artifact ls --format "{{.Repository}}:{{.Tag}}"`),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runArtifactList(cmd.Context(), a, opts)
		},
	}
	f := cmd.Flags()
	f.StringVar(&opts.format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	f.BoolVar(&opts.noTrunc, "no-trunc", false, "do not shorten digests")
	f.BoolVarP(&opts.noHeading, "noheading", "n", false, "leave out the row of column names")
	return cmd
}

// artifactRow is an artifact as ls shows it. Its methods are the fields of templates, under podman's names.
type artifactRow struct {
	a       artifact.Artifact
	name    image.Name
	noTrunc bool
	now     time.Time
}

func (r artifactRow) Repository() string { return r.name.Repository() }
func (r artifactRow) Tag() string        { return r.name.Tag }
func (r artifactRow) Size() string       { return report.Size(r.a.Size()) }
func (r artifactRow) VirtualSize() int64 { return r.a.Size() }

// Digest is that of the manifest: 12 digits, or all of it.
func (r artifactRow) Digest() string {
	if r.noTrunc {
		return r.a.Digest.String()
	}
	return image.ShortID(r.a.Digest.Encoded())
}

// Created is how long ago the artifact was made, if it says so.
func (r artifactRow) Created() string {
	made, err := time.Parse(time.RFC3339Nano, r.a.Manifest.Annotations[specs.AnnotationCreated])
	if err != nil {
		return "N/A"
	}
	return report.Duration(made, r.now) + " ago"
}

func runArtifactList(ctx context.Context, a *app, o artifactListOptions) error {
	store, err := a.artifacts(ctx)
	if err != nil {
		return err
	}
	all, err := store.List()
	if err != nil {
		return err
	}
	var rows []artifactRow
	for _, one := range all {
		name, _ := image.ParseName(one.Name) // one that cannot be read is shown as none
		rows = append(rows, artifactRow{one, name, o.noTrunc, time.Now()})
	}
	return report.List[artifactRow]{
		Columns: []report.Column[artifactRow]{
			{Header: "REPOSITORY", Cell: artifactRow.Repository},
			{Header: "TAG", Cell: artifactRow.Tag},
			{Header: "DIGEST", Cell: artifactRow.Digest},
			{Header: "CREATED", Cell: artifactRow.Created},
			{Header: "SIZE", Cell: artifactRow.Size},
		},
	}.Write(a.Out, rows, report.Options{Format: o.format, NoHeading: o.noHeading, Style: a.style()})
}
