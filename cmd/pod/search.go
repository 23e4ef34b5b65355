package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

type searchOptions struct {
	image.SearchOptions
	access              accessFlags
	format              string
	noTrunc, compatible bool
}

func newSearchCommand(a *app) *cobra.Command {
	var opts searchOptions
	cmd := &cobra.Command{
		Use:   "search [flags] TERM",
		Short: "Search registries for images",
		Long: "Search registries for images: the one that the term begins with, else those that registries.conf searches. Some registries cannot\n" +
			"be searched. With --list-tags the term is a repository, and its tags are listed. Filters: is-automated, is-official, stars.",
		Example: a.example("search alpine", "search --filter is-official --limit 5 docker.io/alpine", "search --list-tags quay.io/team/app"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.access.complete(cmd.Flags(), a, &opts.Access, true); err != nil {
				return err
			}
			return runSearch(cmd.Context(), a, args[0], opts)
		},
	}
	f := cmd.Flags()
	opts.access.add(f, &opts.Access)
	opts.access.addCreds(f, &opts.Access)
	f.BoolVar(&opts.compatible, "compatible", false, "show stars and whether the image is official, as docker does")
	f.VarP(parsed{kind: "KEY=VALUE", set: opts.Parse}, "filter", "f", "show only images that match `KEY=VALUE`")
	f.StringVar(&opts.format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	f.IntVar(&opts.Limit, "limit", 25, "show at most this many of each registry")
	f.BoolVar(&opts.Tags, "list-tags", false, "list the tags of the repository TERM")
	f.BoolVar(&opts.noTrunc, "no-trunc", false, "do not shorten descriptions")
	return cmd
}

func runSearch(ctx context.Context, a *app, term string, o searchOptions) error {
	if o.Tags && o.SearchFilter != (image.SearchFilter{}) {
		return usageError{errors.New("--filter is about repositories: leave it out with --list-tags")}
	}
	if o.Limit < 1 {
		return usageError{errors.New("--limit is at least 1")}
	}
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	if a.style() == report.Docker && !strings.Contains(strings.SplitN(term, "/", 2)[0], ".") {
		term = "docker.io/" + term
	}
	found, err := a.courier().Search(ctx, store, term, o.SearchOptions)
	if err != nil && len(found) == 0 {
		return err
	}
	return errors.Join(a.tellFound(found, o), err)
}

func (a *app) tellFound(found []image.Found, o searchOptions) error {
	opts := report.Options{Format: o.format, Style: a.style()}
	if o.Tags && report.IsJSON(o.format) {
		return report.List[tagged]{}.Write(a.Out, groupTags(found), opts)
	}
	var rows []foundRow
	for _, f := range found {
		rows = append(rows, foundRow{f, o.noTrunc, a.style()})
	}
	return searchList(o, a.style()).Write(a.Out, rows, opts)
}

// foundRow is a result as search shows it. Its methods are the fields of templates, under podman's and docker's names.
type foundRow struct {
	f       image.Found
	noTrunc bool
	style   report.Style
}

func (r foundRow) Index() string { return r.f.Index }
func (r foundRow) Tag() string   { return r.f.Tag }

// Name is the full name. Docker leaves its own registry out.
func (r foundRow) Name() string {
	if r.style == report.Docker {
		return strings.TrimPrefix(strings.TrimPrefix(r.f.Name, "docker.io/"), "library/")
	}
	return r.f.Name
}

// longestDescription is where docker and podman cut a description.
const longestDescription = 44

// Description is what the owner says of it.
func (r foundRow) Description() string {
	text := []rune(r.f.Description)
	if !r.noTrunc && len(text) > longestDescription {
		return string(text[:longestDescription]) + "..."
	}
	return string(text)
}

// Stars is how many people like it.
func (r foundRow) Stars() string { return strconv.Itoa(r.f.Stars) }

// StarCount is Stars under docker's name.
func (r foundRow) StarCount() string { return r.Stars() }

// Official is "[OK]" when it is by the registry's owner.
func (r foundRow) Official() string { return okay(r.f.Official) }

// IsOfficial is Official under docker's name.
func (r foundRow) IsOfficial() string { return strconv.FormatBool(r.f.Official) }

// Automated is "[OK]" when the registry built it.
func (r foundRow) Automated() string { return okay(r.f.Automated) }

// IsAutomated is Automated under docker's name.
func (r foundRow) IsAutomated() string { return strconv.FormatBool(r.f.Automated) }

// MarshalJSON gives the object of the invoked program.
func (r foundRow) MarshalJSON() ([]byte, error) {
	if r.style == report.Docker {
		return json.Marshal(struct{ Description, IsAutomated, IsOfficial, Name, StarCount string }{
			r.Description(), r.IsAutomated(), r.IsOfficial(), r.Name(), r.StarCount(),
		})
	}
	return json.Marshal(struct {
		Index, Name, Description string
		Stars                    int
		Official, Automated, Tag string
	}{r.f.Index, r.f.Name, r.Description(), r.f.Stars, r.Official(), r.Automated(), r.f.Tag})
}

func okay(yes bool) string {
	if yes {
		return "[OK]"
	}
	return ""
}

func searchList(o searchOptions, style report.Style) report.List[foundRow] {
	columns := []report.Column[foundRow]{{Header: "NAME", Cell: foundRow.Name}, {Header: "DESCRIPTION", Cell: foundRow.Description}}
	switch {
	case o.Tags:
		columns[1] = report.Column[foundRow]{Header: "TAG", Cell: foundRow.Tag}
	case style == report.Docker || o.compatible:
		columns = append(columns, report.Column[foundRow]{Header: "STARS", Cell: foundRow.Stars}, report.Column[foundRow]{Header: "OFFICIAL", Cell: foundRow.Official})
	}
	return report.List[foundRow]{Columns: columns, Headers: map[string]string{"StarCount": "STARS", "IsOfficial": "OFFICIAL"}}
}

// tagged is a repository with its tags, as podman prints it in JSON.
type tagged struct {
	Name string
	Tags []string
}

func groupTags(found []image.Found) []tagged {
	var all []tagged
	for _, f := range found {
		if n := len(all); n > 0 && all[n-1].Name == f.Name {
			all[n-1].Tags = append(all[n-1].Tags, f.Tag)
			continue
		}
		all = append(all, tagged{cmp.Or(f.Name, none), []string{f.Tag}})
	}
	return all
}
