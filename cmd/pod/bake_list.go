package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build/bake"
)

// bakeList is --list: what of the files is shown.
type bakeList struct {
	what   string // "targets" or "variables"; empty: nothing
	asJSON bool
}

// parseBakeList reads "targets", "variables" or "type=TYPE[,format=table|json]".
func parseBakeList(s string) (l bakeList, err error) {
	for field := range strings.SplitSeq(s, ",") {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			key, value = "type", field
		}
		switch {
		case key == "type" && (value == "targets" || value == "variables"):
			l.what = value
		case key == "format" && (value == "table" || value == "json"):
			l.asJSON = value == "json"
		default:
			return l, fmt.Errorf("%q: it is targets or variables, or type=TYPE,format=table|json", s)
		}
	}
	if l.what == "" {
		err = errors.New("it needs type=targets or type=variables")
	}
	return l, err
}

func (a *app) listBake(c bake.Config, l bakeList) error {
	if l.what == "variables" {
		return a.listVariables(c, l)
	}
	type row struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
		Group       bool   `json:"group,omitempty"`
	}
	list := []row{}
	for _, t := range c.Targets {
		list = append(list, row{t.Name, t.Description, false})
	}
	for _, g := range c.Groups {
		text := strings.Join(slices.Sorted(slices.Values(g.Targets)), ", ")
		if g.Description != "" {
			text = g.Description + " (" + text + ")"
		}
		list = append(list, row{g.Name, text, true})
	}
	list = slices.DeleteFunc(list, func(r row) bool { return strings.HasPrefix(r.Name, "_") }) // private, by convention
	slices.SortStableFunc(list, func(x, y row) int { return strings.Compare(x.Name, y.Name) })
	if l.asJSON {
		return writeJSON(a.Out, list)
	}
	rows := [][]string{{"TARGET", "DESCRIPTION"}}
	for _, r := range list {
		rows = append(rows, []string{r.Name, r.Description})
	}
	return report.Table(a.Out, rows, report.Docker)
}

func (a *app) listVariables(c bake.Config, l bakeList) error {
	slices.SortFunc(c.Variables, func(x, y bake.Variable) int { return strings.Compare(x.Name, y.Name) })
	if l.asJSON {
		return writeJSON(a.Out, c.Variables)
	}
	rows := [][]string{{"VARIABLE", "TYPE", "VALUE", "DESCRIPTION"}}
	for _, v := range c.Variables {
		value := "<null>"
		if v.Value != nil {
			value = *v.Value
		}
		rows = append(rows, []string{v.Name, v.Type, value, v.Description})
	}
	return report.Table(a.Out, rows, report.Docker)
}
