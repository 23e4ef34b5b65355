package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/engine"
)

func psSortKeys() []string {
	return []string{"command", "created", "id", "image", "names", "runningfor", "size", "status"}
}

// psOrder gives the comparison of --sort. Podman lists the oldest container first, docker the newest.
func psOrder(key string, s report.Style) (func(a, b *psRow) int, error) {
	switch key {
	case "command":
		return func(a, b *psRow) int { return slices.Compare(a.c.Config.Process.Args, b.c.Config.Process.Args) }, nil
	case "created":
		if s == report.Docker {
			return func(a, b *psRow) int { return b.c.Config.Created.Compare(a.c.Config.Created) }, nil
		}
		return func(a, b *psRow) int { return a.c.Config.Created.Compare(b.c.Config.Created) }, nil
	case "id":
		return func(a, b *psRow) int { return 0 }, nil // sortPs decides by id where all else is equal
	case "image":
		return func(a, b *psRow) int { return strings.Compare(a.c.Config.Image.Name, b.c.Config.Image.Name) }, nil
	case "names":
		return func(a, b *psRow) int { return strings.Compare(a.c.Config.Name, b.c.Config.Name) }, nil
	case "runningfor":
		return func(a, b *psRow) int { return a.c.State.Started.Compare(b.c.State.Started) }, nil
	case "size":
		return func(a, b *psRow) int { return cmp.Compare(a.layers, b.layers) }, nil
	case "status":
		return func(a, b *psRow) int { return strings.Compare(a.State(), b.State()) }, nil
	}
	return nil, usageError{fmt.Errorf("cannot sort by %q: choose from %s", key, strings.Join(psSortKeys(), ", "))}
}

func sortPs(rows []psRow, order func(a, b *psRow) int) {
	slices.SortFunc(rows, func(a, b psRow) int {
		return cmp.Or(order(&a, &b), strings.Compare(a.c.Config.ID, b.c.Config.ID))
	})
}

func sortNewest(list []engine.Container) {
	slices.SortFunc(list, func(a, b engine.Container) int {
		return cmp.Or(b.Config.Created.Compare(a.Config.Created), strings.Compare(a.Config.ID, b.Config.ID))
	})
}
