package main

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type historyOptions struct {
	human, noTrunc, quiet bool
	format                string
}

func (o *historyOptions) addFlags(f *pflag.FlagSet) {
	f.StringVar(&o.format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	f.BoolVarP(&o.human, "human", "H", true, "print sizes and times as people read them")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "do not shorten ids and instructions")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only ids")
	f.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "notruncate" {
			name = "no-trunc"
		}
		return pflag.NormalizedName(name)
	})
}

func newHistoryCommand(a *app) *cobra.Command {
	var opts historyOptions
	cmd := &cobra.Command{
		Use:     "history [flags] IMAGE",
		Short:   "Show the steps in which an image was made",
		Example: a.example("history alpine", "history --no-trunc alpine", `history --format "{{.CreatedBy}}" alpine`),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runHistory(cmd.Context(), a, args[0], opts)
		},
	}
	opts.addFlags(cmd.Flags())
	return cmd
}

func runHistory(ctx context.Context, a *app, name string, o historyOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	img, err := store.Lookup(ctx, name)
	if err != nil {
		return err
	}
	steps, err := store.History(ctx, img)
	if err != nil {
		return err
	}
	rows := make([]historyRow, 0, len(steps))
	for _, s := range steps {
		rows = append(rows, historyRow{s, o, time.Now(), a.style()})
	}
	created := historyRow.CreatedSince
	if !o.human {
		created = historyRow.CreatedAt
	}
	list := report.List[historyRow]{
		Columns: []report.Column[historyRow]{
			{Header: a.historyID(), Cell: historyRow.ID},
			{Header: "CREATED", Cell: created},
			{Header: "CREATED BY", Cell: historyRow.CreatedBy},
			{Header: "SIZE", Cell: historyRow.Size},
			{Header: "COMMENT", Cell: historyRow.Comment},
		},
		ID:      historyRow.ID,
		Headers: map[string]string{"ID": a.historyID(), "CreatedSince": "CREATED", "CreatedAt": "CREATED AT"},
	}
	return list.Write(a.Out, rows, report.Options{Format: o.format, Quiet: o.quiet, Style: a.style()})
}

func (a *app) historyID() string {
	if a.name == "docker" {
		return "IMAGE"
	}
	return "ID"
}

// historyRow is one step as history shows it. Its methods are the fields of templates.
type historyRow struct {
	step  image.Step
	opts  historyOptions
	now   time.Time
	style report.Style
}

// ID is the id of the image that the step made, if it is known.
func (r historyRow) ID() string {
	switch {
	case r.step.ID == "":
		return "<missing>"
	case r.opts.noTrunc && r.style == report.Docker:
		return "sha256:" + r.step.ID
	case r.opts.noTrunc:
		return r.step.ID
	}
	return image.ShortID(r.step.ID)
}

// Created is how long ago the step was made; with --human=false, when.
func (r historyRow) Created() string {
	if !r.opts.human {
		return r.CreatedAt()
	}
	return r.CreatedSince()
}

// CreatedSince is how long ago the step was made.
func (r historyRow) CreatedSince() string {
	if r.step.Created.IsZero() {
		return "N/A"
	}
	return report.Duration(r.step.Created, r.now) + " ago"
}

// CreatedAt is when the step was made.
func (r historyRow) CreatedAt() string {
	if r.step.Created.IsZero() {
		return "N/A"
	}
	return r.step.Created.Local().Format(time.RFC3339)
}

// CreatedBy is the instruction, on one line.
func (r historyRow) CreatedBy() string {
	text := strings.ReplaceAll(strings.ReplaceAll(r.step.CreatedBy, "\t", " "), "\n", " ")
	if r.opts.noTrunc {
		return text
	}
	if r.style == report.Docker {
		return shortened(text, 45, "…")
	}
	return shortened(text, 45, "...")
}

func shortened(text string, most int, mark string) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-len([]rune(mark))]) + mark
}

// Size is what the layer takes, as people read it, or in bytes.
func (r historyRow) Size() string {
	if !r.opts.human {
		return strconv.FormatInt(r.step.Size, 10)
	}
	return report.Size(r.step.Size)
}

// Comment is what was said about the step.
func (r historyRow) Comment() string { return r.step.Comment }

// Tags are the names of the image that the step made.
func (r historyRow) Tags() []string { return r.step.Tags }

// MarshalJSON gives the object of the invoked program.
func (r historyRow) MarshalJSON() ([]byte, error) {
	if r.style == report.Docker {
		return json.Marshal(struct{ Comment, CreatedAt, CreatedBy, CreatedSince, ID, Size string }{
			r.Comment(), r.CreatedAt(), r.CreatedBy(), r.CreatedSince(), r.ID(), r.Size(),
		})
	}
	id := r.step.ID
	if id == "" {
		id = "<missing>"
	}
	return json.Marshal(struct {
		ID        string    `json:"id"`
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"CreatedBy,omitempty"`
		Size      int64     `json:"size,omitempty"`
		Comment   string    `json:"comment,omitempty"`
		Tags      []string  `json:"tags,omitempty"`
	}{id, r.step.Created, r.step.CreatedBy, r.step.Size, r.step.Comment, nil})
}
