package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newSystemDfCommand(a *app) *cobra.Command {
	var format string
	var verbose bool
	cmd := &cobra.Command{
		Use:   "df [flags]",
		Short: "Show how much disk space is in use",
		Long: "Show how much disk space images and containers take, and how much of it is needed by no container. With --verbose each is listed, images\n" +
			"with what they share with others and what they have alone.",
		Example: a.example("system df", "system df -v", `system df --format "{{.Type}} {{.Size}}"`),
		Args:    takesNone,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if verbose && format != "" {
				return usageError{errors.New("--format is for the summary: leave out --verbose, or use images and ps with --format")}
			}
			return runSystemDf(cmd.Context(), a, format, verbose)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "list every image and container")
	return cmd
}

func runSystemDf(ctx context.Context, a *app, format string, verbose bool) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	images, err := store.Usage(ctx)
	if err != nil {
		return err
	}
	containers, err := containerUsages(ctx, e)
	if err != nil {
		return err
	}
	b, err := a.builder(ctx)
	if err != nil {
		return err
	}
	cache, err := b.Entries()
	if err != nil {
		return err
	}
	if verbose {
		return writeUsages(a, images, containers, cache, time.Now())
	}
	list := report.List[dfRow]{
		Columns: []report.Column[dfRow]{
			{Header: "TYPE", Cell: func(r dfRow) string { return r.Type }},
			{Header: "TOTAL", Cell: func(r dfRow) string { return strconv.Itoa(r.Total) }},
			{Header: "ACTIVE", Cell: func(r dfRow) string { return strconv.Itoa(r.Active) }},
			{Header: "SIZE", Cell: dfRow.Size},
			{Header: "RECLAIMABLE", Cell: dfRow.Reclaimable},
		},
		ID:      func(r dfRow) string { return r.Type },
		Headers: map[string]string{"TotalCount": "TOTAL"},
		Raw:     `type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\nsize: {{.Size}}\nreclaimable: {{.Reclaimable}}\n`,
	}
	return list.Write(a.Out, dfRows(images, containers, cache, a.style()), report.Options{Format: format, Style: a.style()})
}

// containerUsage is a container with the bytes of its own files.
type containerUsage struct {
	engine.Container
	size int64
}

func containerUsages(ctx context.Context, e *engine.Engine) ([]containerUsage, error) {
	list, err := e.List(ctx)
	if err != nil {
		return nil, err
	}
	usages := make([]containerUsage, 0, len(list))
	for _, c := range list {
		size, err := treeSize(writableDir(e, c))
		if err != nil {
			return nil, err
		}
		usages = append(usages, containerUsage{c, size})
	}
	return usages, nil
}

// dfRow is one kind of thing. Its fields and methods are the fields of templates.
type dfRow struct {
	Type                    string
	Total, Active           int
	RawSize, RawReclaimable int64
	style                   report.Style
}

// TotalCount is Total under docker's name.
func (r dfRow) TotalCount() int { return r.Total }

// Size is RawSize as people read it.
func (r dfRow) Size() string { return report.Size(r.RawSize) }

// Reclaimable is RawReclaimable as people read it, and the part of Size that it is.
func (r dfRow) Reclaimable() string {
	percent := int64(0)
	if r.RawSize > 0 {
		percent = r.RawReclaimable * 100 / r.RawSize
	}
	return fmt.Sprintf("%s (%d%%)", report.Size(r.RawReclaimable), percent)
}

// MarshalJSON gives the object of the invoked program.
func (r dfRow) MarshalJSON() ([]byte, error) {
	if r.style == report.Docker {
		return json.Marshal(struct{ Active, Reclaimable, Size, TotalCount, Type string }{
			strconv.Itoa(r.Active), r.Reclaimable(), r.Size(), strconv.Itoa(r.Total), r.Type,
		})
	}
	return json.Marshal(struct {
		Type                    string
		Total, Active           int
		RawSize, RawReclaimable int64
		TotalCount              int
		Size, Reclaimable       string
	}{r.Type, r.Total, r.Active, r.RawSize, r.RawReclaimable, r.Total, r.Size(), r.Reclaimable()})
}

// dfRows sums up. Of the cache of builds, what images have as well is theirs.
func dfRows(images image.Usage, containers []containerUsage, cache []build.Entry, style report.Style) []dfRow {
	img := dfRow{Type: "Images", RawSize: images.Size, RawReclaimable: images.Reclaimable, style: style}
	for _, i := range images.Images {
		if i.Intermediate {
			continue
		}
		img.Total++
		if i.Containers > 0 {
			img.Active++
		}
	}
	ctr := dfRow{Type: "Containers", style: style}
	for _, c := range containers {
		ctr.Total++
		ctr.RawSize += c.size
		if c.State.Alive() {
			ctr.Active++
		} else {
			ctr.RawReclaimable += c.size
		}
	}
	kept := dfRow{Type: "Build Cache", Total: len(cache), style: style}
	for _, e := range cache {
		if e.Shared {
			kept.Active++
			continue
		}
		kept.RawSize += e.Size
		kept.RawReclaimable += e.Size
	}
	return []dfRow{img, ctr, {Type: "Local Volumes", style: style}, kept}
}
