package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type imagesOptions struct {
	all, digests, history, noTrunc, noHeading, quiet bool
	filters                                          []string
	format, sort                                     string
}

func (o *imagesOptions) addFlags(f *pflag.FlagSet) {
	f.BoolVarP(&o.all, "all", "a", false, "show also unnamed images that others are built on")
	f.BoolVar(&o.digests, "digests", false, "show digests")
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "show only images that match `KEY=VALUE`")
	f.StringVar(&o.format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	f.BoolVar(&o.history, "history", false, "show the names an image has had")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "do not shorten ids")
	f.BoolVarP(&o.noHeading, "noheading", "n", false, "leave out the row of column names")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only ids")
	f.StringVar(&o.sort, "sort", "created", "sort by created, id, repository, size or tag")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "notruncate" {
			name = "no-trunc"
		}
		return pflag.NormalizedName(name)
	})
}

func newImagesCommand(a *app) *cobra.Command {
	var opts imagesOptions
	cmd := &cobra.Command{
		Use:   "images [flags] [IMAGE]",
		Short: "List images",
		Long: "List images: all, or those with a repository, a repository and tag, or an id. An image has a row for each of its\n" +
			"names. Filters: before, containers, dangling, digest, id, intermediate, label, readonly, reference, since, until.",
		Example: a.example("images", "images --filter label=tier=web", `images --format "{{.Repository}}:{{.Tag}} {{.Size}}"`),
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runImages(cmd.Context(), a, opts, strings.Join(args, ""))
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func runImages(ctx context.Context, a *app, o imagesOptions, name string) error {
	less, err := imagesOrder(o.sort)
	if err != nil {
		return err
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	list, err := store.List(ctx, image.ListOptions{All: o.all, Name: name, Filters: o.filters})
	if err != nil {
		return err
	}
	rows := imageRows(list, o, a.style(), time.Now())
	slices.SortStableFunc(rows, less)
	return imagesList(list, o).Write(a.Out, rows, report.Options{Format: o.format, NoHeading: o.noHeading, Quiet: o.quiet, Style: a.style()})
}

// imageRows gives a row for each name of each image. Podman's JSON, and ids alone, have one for each image.
func imageRows(list []image.Listed, o imagesOptions, style report.Style, now time.Time) []imageRow {
	whole := o.quiet || style == report.Podman && report.IsJSON(o.format)
	var rows []imageRow
	for _, l := range list {
		row := imageRow{l: l, opts: o, now: now, style: style}
		names := l.Names
		if whole || len(names) == 0 {
			names = []string{""}
			if len(l.Names) > 0 {
				names = l.Names[:1]
			}
		}
		for _, name := range names {
			row.name, _ = image.ParseName(name) // a name that cannot be read is shown as none
			rows = append(rows, row)
		}
	}
	return rows
}

func imagesList(list []image.Listed, o imagesOptions) report.List[imageRow] {
	columns := []report.Column[imageRow]{{Header: "REPOSITORY", Cell: imageRow.Repository}, {Header: "TAG", Cell: imageRow.Tag}}
	if o.digests {
		columns = append(columns, report.Column[imageRow]{Header: "DIGEST", Cell: imageRow.Digest})
	}
	columns = append(columns, report.Column[imageRow]{Header: "IMAGE ID", Cell: imageRow.ID},
		report.Column[imageRow]{Header: "CREATED", Cell: imageRow.CreatedSince}, report.Column[imageRow]{Header: "SIZE", Cell: imageRow.Size})
	if slices.ContainsFunc(list, func(l image.Listed) bool { return l.ReadOnly }) {
		columns = append(columns, report.Column[imageRow]{Header: "R/O", Cell: func(r imageRow) string { return fmt.Sprint(r.ReadOnly()) }})
	}
	if o.history {
		columns = append(columns, report.Column[imageRow]{Header: "HISTORY", Cell: imageRow.History})
	}
	return report.List[imageRow]{
		Columns: columns, ID: imageRow.ID,
		Headers: map[string]string{"ID": "IMAGE ID", "CreatedSince": "CREATED", "CreatedAt": "CREATED AT", "ReadOnly": "R/O"},
		Raw:     `repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n`,
	}
}

func imagesOrder(key string) (func(a, b imageRow) int, error) {
	switch key {
	case "created":
		return func(a, b imageRow) int { return b.l.Created.Compare(a.l.Created) }, nil
	case "id":
		return func(a, b imageRow) int { return strings.Compare(a.l.ID, b.l.ID) }, nil
	case "repository":
		return func(a, b imageRow) int {
			return cmp.Or(strings.Compare(a.Repository(), b.Repository()), strings.Compare(a.Tag(), b.Tag()))
		}, nil
	case "size":
		return func(a, b imageRow) int { return cmp.Compare(a.l.Size, b.l.Size) }, nil
	case "tag":
		return func(a, b imageRow) int { return strings.Compare(a.Tag(), b.Tag()) }, nil
	}
	return nil, usageError{fmt.Errorf("cannot sort by %q: it is created, id, repository, size or tag", key)}
}
