package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/timespec"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/netns/network"
)

type networkListOptions struct {
	filters                   []string
	format                    string
	noTrunc, noHeading, quiet bool
}

func newNetworkListCommand(a *app) *cobra.Command {
	var o networkListOptions
	cmd := &cobra.Command{
		Use:     "ls [flags]",
		Aliases: []string{"list"},
		Short:   "List networks",
		Long:    "List networks. Filters: dangling, driver, id, label, name, scope, type, until.",
		Example: a.example("network ls", "network ls --filter driver=bridge --quiet"),
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runNetworkList(cmd.Context(), a, o)
		},
	}
	f := cmd.Flags()
	f.StringArrayVarP(&o.filters, "filter", "f", nil, "show only networks that match `KEY=VALUE`")
	f.StringVar(&o.format, "format", "", "print as \"json\", or with a Go template, or with \"table TEMPLATE\"")
	f.BoolVar(&o.noTrunc, "no-trunc", false, "do not shorten ids")
	f.BoolVarP(&o.noHeading, "noheading", "n", false, "leave out the row of column names")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "print only names, as docker ids")
	return cmd
}

func runNetworkList(ctx context.Context, a *app, o networkListOptions) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	match, err := networkFilter(ctx, e, o.filters, time.Now())
	if err != nil {
		return err
	}
	all, err := e.Networks().List()
	if err != nil {
		return err
	}
	var rows []networkRow
	for _, n := range all {
		if match(n) {
			rows = append(rows, networkRow{n: n, noTrunc: o.noTrunc, style: a.style()})
		}
	}
	slices.SortFunc(rows, func(a, b networkRow) int { return strings.Compare(a.n.Name, b.n.Name) })
	list := report.List[networkRow]{
		Columns: []report.Column[networkRow]{{Header: "NETWORK ID", Cell: networkRow.ID}, {Header: "NAME", Cell: networkRow.Name}, {Header: "DRIVER", Cell: networkRow.Driver}},
		ID:      networkRow.Name,
		Headers: map[string]string{"ID": "NETWORK ID", "Id": "NETWORK ID"},
	}
	if a.style() == report.Docker {
		list.ID = networkRow.ID
		list.Columns = append(list.Columns, report.Column[networkRow]{Header: "SCOPE", Cell: networkRow.Scope})
	}
	return list.Write(a.Out, rows, report.Options{Format: o.format, NoHeading: o.noHeading, Quiet: o.quiet, Style: a.style()})
}

// networkFilter reads --filter: values of one key are alternatives, as in podman and docker; labels must all match.
func networkFilter(ctx context.Context, e *engine.Engine, filters []string, now time.Time) (func(network.Config) bool, error) {
	groups := map[string][]func(network.Config) bool{}
	for i, filter := range filters {
		key, value, ok := strings.Cut(filter, "=")
		if !ok {
			return nil, usageError{fmt.Errorf("--filter %q: give KEY=VALUE", filter)}
		}
		test, err := oneNetworkFilter(ctx, e, key, value, now)
		if err != nil {
			return nil, err
		}
		if key == "label" {
			key = fmt.Sprint(key, i)
		}
		groups[key] = append(groups[key], test)
	}
	return func(n network.Config) bool {
		for _, alternatives := range groups {
			if !slices.ContainsFunc(alternatives, func(test func(network.Config) bool) bool { return test(n) }) {
				return false
			}
		}
		return true
	}, nil
}

func oneNetworkFilter(ctx context.Context, e *engine.Engine, key, value string, now time.Time) (func(network.Config) bool, error) {
	custom := func(n network.Config) bool { return n.Name != container.DefaultNetwork }
	switch key {
	case "driver":
		return func(n network.Config) bool { return n.Driver == value }, nil
	case "id":
		return func(n network.Config) bool { return strings.HasPrefix(n.ID, value) }, nil
	case "name":
		return func(n network.Config) bool { return strings.Contains(n.Name, value) }, nil
	case "label":
		return func(n network.Config) bool { return hasLabel(n.Labels, value) }, nil
	case "scope":
		return func(network.Config) bool { return value == "local" }, nil
	case "type":
		switch value {
		case "custom":
			return custom, nil
		case "builtin":
			return func(n network.Config) bool { return !custom(n) }, nil
		}
	case "until":
		before, err := timespec.Ago(value, now)
		if err != nil {
			return nil, usageError{fmt.Errorf("--filter until=%q: %w", value, err)}
		}
		return func(n network.Config) bool { return n.Created.Before(before) }, nil
	case "dangling":
		if value != "true" && value != "false" && value != "1" && value != "0" {
			break
		}
		list, err := e.List(ctx)
		if err != nil {
			return nil, err
		}
		used := map[string]bool{}
		for _, c := range list {
			for _, end := range c.Config.Network.Endpoints() {
				used[end.Network] = true
			}
		}
		want := value == "true" || value == "1"
		return func(n network.Config) bool { return (custom(n) && !used[n.Name]) == want }, nil
	}
	return nil, usageError{fmt.Errorf("--filter \"%s=%s\": networks have dangling=true|false, driver, id, label, name, scope=local, type=custom|builtin, until=TIME", key, value)}
}

// networkRow is one network as ls shows it. Its methods are the fields of templates, under podman's and docker's names.
type networkRow struct {
	n       network.Config
	noTrunc bool
	style   report.Style
}

// ID is the id, 12 digits of it unless --no-trunc was given.
func (r networkRow) ID() string {
	if r.noTrunc {
		return r.n.ID
	}
	return r.n.ID[:min(12, len(r.n.ID))]
}

// Id is ID under its other name.
func (r networkRow) Id() string { return r.ID() }

// Name is the name.
func (r networkRow) Name() string { return r.n.Name }

// Driver is bridge, macvlan or ipvlan.
func (r networkRow) Driver() string { return r.n.Driver }

// Scope is docker's: networks are those of one machine.
func (r networkRow) Scope() string { return "local" }

// Internal reports whether there is no way out.
func (r networkRow) Internal() bool { return r.n.Internal }

// IPv6 reports whether there are IPv6 addresses; IPv6Enabled is podman's name.
func (r networkRow) IPv6() bool { return r.n.IPv6 }

// IPv6Enabled is IPv6.
func (r networkRow) IPv6Enabled() bool { return r.n.IPv6 }

// IPv4 reports whether there are IPv4 addresses.
func (r networkRow) IPv4() bool { return r.n.Has4() }

// DNSEnabled reports whether containers have names.
func (r networkRow) DNSEnabled() bool { return r.n.DNS }

// NetworkInterface is the bridge.
func (r networkRow) NetworkInterface() string { return r.n.Interface }

// Subnets are the subnets.
func (r networkRow) Subnets() []network.Subnet { return r.n.Subnets }

// Options are those of the driver.
func (r networkRow) Options() map[string]string { return r.n.Options }

// Created is when it was made.
func (r networkRow) Created() time.Time { return r.n.Created }

// CreatedAt is Created as docker prints it.
func (r networkRow) CreatedAt() string {
	return r.n.Created.Format("2006-01-02 15:04:05.999999999 -0700 MST")
}

// Labels are all labels in one text.
func (r networkRow) Labels() string {
	var words []string
	for _, key := range slices.Sorted(maps.Keys(r.n.Labels)) {
		words = append(words, key+"="+r.n.Labels[key])
	}
	return strings.Join(words, ",")
}

// Label is the value of one label.
func (r networkRow) Label(key string) string { return r.n.Labels[key] }

// MarshalJSON gives podman's network, or docker's line of text fields.
func (r networkRow) MarshalJSON() ([]byte, error) {
	if r.style == report.Podman {
		return json.Marshal(r.n)
	}
	return json.Marshal(map[string]string{
		"CreatedAt": r.CreatedAt(), "Driver": r.Driver(), "ID": r.ID(), "IPv4": fmt.Sprint(r.IPv4()), "IPv6": fmt.Sprint(r.IPv6()),
		"Internal": fmt.Sprint(r.Internal()), "Labels": r.Labels(), "Name": r.Name(), "Scope": r.Scope(),
	})
}
