package binary

import "context"

func Path(ctx context.Context, dir string) (string, error) { return "/tmp/podt/pod-monitor", nil }
