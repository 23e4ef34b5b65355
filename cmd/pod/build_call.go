package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// buildCall is what is asked about a Dockerfile instead of building it.
type buildCall struct {
	method string // "check", "outline", "targets"; empty: build
	asJSON bool
}

// parseBuildCall reads "METHOD[,format=json]".
func parseBuildCall(s string) (buildCall, error) {
	var call buildCall
	method, options, _ := strings.Cut(s, ",")
	switch method {
	case "check", "outline", "targets":
		call.method = method
	case "lint":
		call.method = "check"
	case "build":
	default:
		return call, fmt.Errorf("%q: it is build, check, outline or targets", method)
	}
	switch options {
	case "", "format=text":
	case "format=json":
		call.asJSON = true
	default:
		return call, fmt.Errorf("%q: after the method format=json can follow", options)
	}
	return call, nil
}

// answerCall answers --call; nothing is built.
func (o *buildOptions) answerCall(ctx context.Context, a *app, s *build.Session, out io.Writer) error {
	if o.call.method == "check" {
		return o.checkBuild(ctx, a, s, out)
	}
	d, err := s.Describe(ctx, &o.job, o.call.method)
	if err != nil {
		a.showSource(err)
		return err
	}
	switch {
	case o.call.asJSON && o.call.method == "targets":
		return writeJSON(out, targetsAnswer(d, o.job.Dockerfile))
	case o.call.asJSON:
		return writeJSON(out, outlineAnswer(d, o.job.Dockerfile))
	case o.call.method == "targets":
		return printTargets(out, d)
	}
	return printOutline(out, d)
}

func writeJSON(out io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err == nil {
		_, err = fmt.Fprintln(out, string(text))
	}
	return err
}

func printTargets(out io.Writer, d *plan.Description) error {
	rows := [][]string{{"TARGET", "DESCRIPTION"}}
	for _, t := range d.Targets {
		name := t.Name
		if t.Default {
			name = strings.TrimSpace(name + " (default)")
		}
		if name != "" {
			rows = append(rows, []string{report.Escape(name), report.Escape(t.Text)})
		}
	}
	return report.Table(out, rows, report.Docker)
}

func printOutline(out io.Writer, d *plan.Description) error {
	name := d.Target
	if name == "" {
		name = "default"
	}
	fmt.Fprintf(out, "TARGET:      %s\n", report.Escape(name))
	if d.Text != "" {
		fmt.Fprintf(out, "DESCRIPTION: %s\n", report.Escape(d.Text))
	}
	args := [][]string{{"BUILD ARG", "VALUE", "DESCRIPTION"}}
	for _, p := range d.Args {
		args = append(args, []string{report.Escape(p.Name), report.Escape(p.Value), report.Escape(p.Text)})
	}
	tables := [][][]string{args}
	for _, kind := range []struct {
		title string
		of    []plan.Parameter
	}{{"SECRET", d.Secrets}, {"SSH", d.SSH}} {
		rows := [][]string{{kind.title, "REQUIRED"}}
		for _, p := range kind.of {
			required := ""
			if p.Required {
				required = strconv.FormatBool(p.Required)
			}
			rows = append(rows, []string{report.Escape(p.Name), required})
		}
		tables = append(tables, rows)
	}
	for _, rows := range tables {
		if len(rows) < 2 {
			continue
		}
		fmt.Fprintln(out)
		if err := report.Table(out, rows, report.Docker); err != nil {
			return err
		}
	}
	return nil
}

// The answers in JSON have the fields of BuildKit's (frontend/subrequests).

type callPosition struct {
	Line int `json:"line"`
}

type callRange struct {
	Start callPosition `json:"start"`
	End   callPosition `json:"end"`
}

type callLocation struct {
	SourceIndex int         `json:"sourceIndex,omitempty"`
	Ranges      []callRange `json:"ranges"`
}

// locate gives a range for each line, as BuildKit does.
func locate(line, end int) callLocation {
	var l callLocation
	for n := line; n <= max(line, end); n++ {
		l.Ranges = append(l.Ranges, callRange{callPosition{n}, callPosition{n}})
	}
	return l
}

// callSource is the Dockerfile itself, as BuildKit has it in each answer.
type callSource struct {
	Filename string `json:"filename"`
	Data     []byte `json:"data"`
	Language string `json:"language"`
}

func sourcesOf(file build.Dockerfile) []callSource {
	return []callSource{{file.Name, file.Text, "Dockerfile"}}
}

type callWarning struct {
	RuleName    string       `json:"ruleName"`
	Description string       `json:"description,omitempty"`
	URL         string       `json:"url,omitempty"`
	Detail      string       `json:"detail,omitempty"`
	Location    callLocation `json:"location"`
}

type checkAnswer struct {
	Warnings []callWarning `json:"warnings"`
	Sources  []callSource  `json:"sources"`
	Error    *callProblem  `json:"buildError,omitempty"`
}

type callProblem struct {
	Message  string       `json:"message"`
	Location callLocation `json:"location"`
}

func checkResult(warnings []plan.Warning, file build.Dockerfile, problem *callProblem) checkAnswer {
	out := checkAnswer{Warnings: []callWarning{}, Sources: sourcesOf(file), Error: problem}
	for _, w := range warnings {
		out.Warnings = append(out.Warnings, callWarning{w.Rule, w.Description, w.URL, w.Detail, locate(w.Line, w.EndLine)})
	}
	return out
}

type callTarget struct {
	Name        string       `json:"name,omitempty"`
	Default     bool         `json:"default,omitempty"`
	Description string       `json:"description,omitempty"`
	Base        string       `json:"base,omitempty"`
	Platform    string       `json:"platform,omitempty"`
	Location    callLocation `json:"location"`
}

func targetsAnswer(d *plan.Description, file build.Dockerfile) any {
	targets := []callTarget{}
	for _, t := range d.Targets {
		targets = append(targets, callTarget{t.Name, t.Default, t.Text, t.Base, t.Platform, locate(t.Line, 0)})
	}
	return struct {
		Targets []callTarget `json:"targets"`
		Sources []callSource `json:"sources"`
	}{targets, sourcesOf(file)}
}

type callParameter struct {
	Name        string       `json:"name"`
	Description string       `json:"description,omitempty"`
	Value       string       `json:"value,omitempty"`
	Required    bool         `json:"required,omitempty"`
	Location    callLocation `json:"location"`
}

func outlineAnswer(d *plan.Description, file build.Dockerfile) any {
	list := func(of []plan.Parameter) []callParameter {
		var out []callParameter
		for _, p := range of {
			out = append(out, callParameter{p.Name, p.Text, p.Value, p.Required, locate(p.Line, 0)})
		}
		return out
	}
	return struct {
		Name        string          `json:"name,omitempty"`
		Description string          `json:"description,omitempty"`
		Args        []callParameter `json:"args,omitempty"`
		Secrets     []callParameter `json:"secrets,omitempty"`
		SSH         []callParameter `json:"ssh,omitempty"`
		Caches      []callParameter `json:"cache,omitempty"`
		Sources     []callSource    `json:"sources"`
	}{d.Target, d.Text, list(d.Args), list(d.Secrets), list(d.SSH), list(d.Caches), sourcesOf(file)}
}
