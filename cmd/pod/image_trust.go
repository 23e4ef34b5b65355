package main

import (
	"cmp"
	"context"
	"encoding/json"
	"os"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image/trust"
	"github.com/spf13/cobra"
)

// newImageTrustCommand holds what shows and changes who may sign images.
func newImageTrustCommand(a *app) *cobra.Command {
	cmd := onlyCommands(&cobra.Command{
		Use: "trust", Short: "Show or change who may sign images",
		Example: a.example("image trust show", "image trust set --type reject default"),
	})
	cmd.AddCommand(newImageTrustSetCommand(a), newImageTrustShowCommand(a))
	return cmd
}

func newImageTrustSetCommand(a *app) *cobra.Command {
	kind := trust.Signed
	var keys []string
	var path string
	cmd := &cobra.Command{
		Use:   "set [flags] REGISTRY|default",
		Short: "Say what is demanded of images from a registry",
		Long: "Say what is demanded of the images of a registry, of part of its repositories, or by default: a signature by one of the keys given\n" +
			"(signedBy: simple signatures of gpg; sigstoreSigned: those of sigstore), nothing (accept), or that they are not taken (reject). It is\n" +
			"written to the user's policy.json, which begins as a copy of the machine's.",
		Example: a.example("image trust set -f team.gpg quay.io/team", "image trust set -t sigstoreSigned -f cosign.pub quay.io/team",
			"image trust set -t reject default"),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			paths := trust.Paths(os.Getenv)
			if path != "" {
				paths = []string{path}
			}
			policy, _, err := trust.Read(paths)
			if err != nil {
				return err
			}
			return policy.Set(paths[0], args[0], kind, keys)
		},
	}
	f := cmd.Flags()
	f.StringSliceVarP(&keys, "pubkeysfile", "f", nil, "trust the public key in this `file`; may be given several times")
	f.VarP(into("type", &kind, trust.ParseKind).withDefault(string(trust.Signed)), "type", "t", "what is demanded: signedBy, sigstoreSigned, accept or reject")
	f.StringVar(&path, "signature-policy", "", "change this `file` instead of the user's policy.json")
	return cmd
}

func newImageTrustShowCommand(a *app) *cobra.Command {
	var asJSON, noHeading, raw bool
	var path string
	cmd := &cobra.Command{
		Use:     "show [flags] [REGISTRY]",
		Short:   "Show what is demanded of images",
		Long:    "Show what is demanded of images by default and of each registry, whose keys are trusted, and where simple signatures are looked for.",
		Example: a.example("image trust show", "image trust show --raw"),
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			paths := trust.Paths(os.Getenv)
			if path != "" {
				paths = []string{path}
			}
			policy, text, err := trust.Read(paths)
			if err != nil {
				return err
			}
			if raw {
				_, err := a.Out.Write(text)
				return err
			}
			return a.showTrust(cmd.Context(), policy, cmp.Or(append(args, "")...), asJSON, noHeading)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&asJSON, "json", "j", false, "print as JSON")
	f.BoolVarP(&noHeading, "noheading", "n", false, "leave out the row of column names")
	f.BoolVar(&raw, "raw", false, "print policy.json as it is")
	f.StringVar(&path, "signature-policy", "", "show this `file` instead of policy.json")
	return cmd
}

func (a *app) showTrust(ctx context.Context, policy trust.Policy, name string, asJSON, noHeading bool) error {
	rules, err := policy.Rules(ctx, name, trust.RegistriesDirs(os.Getenv))
	if err != nil {
		return err
	}
	if asJSON {
		text, err := json.MarshalIndent(rules, "", "    ")
		if err == nil {
			_, err = a.Out.Write(append(text, '\n'))
		}
		return err
	}
	columns := []report.Column[trust.Rule]{
		{Header: "TRANSPORT", Cell: func(r trust.Rule) string { return r.Transport }},
		{Header: "NAME", Cell: func(r trust.Rule) string { return r.RepoName }},
		{Header: "TYPE", Cell: func(r trust.Rule) string { return r.Type }},
		{Header: "ID", Cell: func(r trust.Rule) string { return r.Keys }},
		{Header: "STORE", Cell: func(r trust.Rule) string { return r.Store }},
	}
	return report.List[trust.Rule]{Columns: columns}.Write(a.Out, rules, report.Options{NoHeading: noHeading, Style: a.style()})
}
