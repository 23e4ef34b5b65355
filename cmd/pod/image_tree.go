package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
)

func newImageTreeCommand(a *app) *cobra.Command {
	var whatRequires bool
	cmd := &cobra.Command{
		Use:   "tree [flags] IMAGE",
		Short: "Draw the layers of an image",
		Long: "Draw the layers of an image, the lowest first, each with its size, the instruction that made it, and the images whose newest layer\n" +
			"it is.",
		Example: a.example("image tree alpine", "image tree --whatrequires alpine"),
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runImageTree(cmd.Context(), a, args[0], whatRequires)
		},
	}
	cmd.Flags().BoolVar(&whatRequires, "whatrequires", false, "draw all layers that lie above the lowest one of the image")
	return cmd
}

func runImageTree(ctx context.Context, a *app, name string, whatRequires bool) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	img, err := store.Lookup(ctx, name)
	if err != nil {
		return err
	}
	size, err := store.Size(img)
	if err != nil {
		return err
	}
	root, err := store.Tree(ctx, img, whatRequires)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(a.Out)
	fmt.Fprintf(out, "Image ID: %s\nTags:     [%s]\nSize:     %s\n", image.ShortID(img.ID), report.Escape(strings.Join(img.Names, " ")), report.Size(size))
	if root == nil {
		fmt.Fprintln(out, "No Image Layers")
		return out.Flush()
	}
	fmt.Fprintln(out, "Image Layers")
	if whatRequires {
		drawBranch(out, "", []*image.LayerNode{root})
	} else {
		drawLine(out, root)
	}
	return out.Flush()
}

// drawLine draws layers that have only one above each, all at the same depth.
func drawLine(w io.Writer, n *image.LayerNode) {
	for ; n != nil; n = only(n.Above) {
		branch := "├── "
		if len(n.Above) == 0 {
			branch = "└── "
		}
		fmt.Fprintln(w, branch+layerText(n))
	}
}

func only(list []*image.LayerNode) *image.LayerNode {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func drawBranch(w io.Writer, indent string, nodes []*image.LayerNode) {
	for i, n := range nodes {
		branch, below := "├── ", "│   "
		if i == len(nodes)-1 {
			branch, below = "└── ", "    "
		}
		fmt.Fprintln(w, indent+branch+layerText(n))
		drawBranch(w, indent+below, n.Above)
	}
}

// layerText describes a layer on one line: podman's words, and the instruction.
func layerText(n *image.LayerNode) string {
	text := fmt.Sprintf("ID: %s Size: %7s", image.ShortID(n.ID), report.Size(n.Size))
	if len(n.TopOf) > 0 {
		text += fmt.Sprintf(" Top Layer of: [%s]", report.Escape(strings.Join(n.TopOf, " ")))
	}
	if by := strings.Join(strings.Fields(n.CreatedBy), " "); by != "" {
		text += " " + report.Escape(shortened(by, 60, "…"))
	}
	return text
}
