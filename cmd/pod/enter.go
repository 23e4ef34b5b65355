package main

import (
	"context"
	"fmt"

	"github.com/pod-engine/pod/pkg/rootless"
)

// enter gives the program's place inside the user's namespaces; see rootless.Enter, which may start the program again.
func enter(ctx context.Context, a *app) (rootless.Info, error) {
	return rootless.Enter(ctx, rootless.Options{
		Warn: func(text string) { fmt.Fprintf(a.Err, "%s: warning: %s\n", a.name, text) },
	})
}
