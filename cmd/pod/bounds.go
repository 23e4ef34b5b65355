package main

import (
	"fmt"
	"os"
	"time"

	"github.com/pod-engine/pod/internal/containersconf"
	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/courier"
	"github.com/spf13/pflag"
)

// addUnpackLimit defines the flag of commands that bring images in.
func addUnpackLimit(f *pflag.FlagSet, o *image.PullOptions) {
	f.Var(parsed{kind: "size", set: func(s string) error {
		n, err := container.ParseSize(s)
		o.UnpackLimit = &n
		return err
	}}, "unpack-limit", "refuse images that unpack to more than this; 0: any size (default 128g, or image_unpack_limit in containers.conf)")
}

// unpackLimits are the bounds of what this program unpacks itself.
func unpackLimits() (layertar.Limits, error) {
	b, err := bounds()
	if err != nil || b.UnpackLimit == nil {
		return layertar.Default(), err
	}
	return layertar.Limits{Bytes: *b.UnpackLimit}, nil
}

// bounds are those that the environment says, or else containers.conf.
func bounds() (courier.Bounds, error) {
	var b courier.Bounds
	if text := os.Getenv("POD_REGISTRY_TIMEOUT"); text != "" {
		var err error
		if b.Patience, err = time.ParseDuration(text); err != nil || b.Patience <= 0 {
			return b, fmt.Errorf("POD_REGISTRY_TIMEOUT is %q: give a duration such as 30s", text)
		}
	}
	text := os.Getenv("POD_UNPACK_LIMIT")
	from := "POD_UNPACK_LIMIT"
	if text == "" {
		settings, err := containersconf.Read(containersconf.Paths(os.Getenv), nil)
		if err != nil {
			return b, err
		}
		text, from = settings.ImageUnpackLimit, "image_unpack_limit in containers.conf"
	}
	if text == "" {
		return b, nil
	}
	n, err := container.ParseSize(text)
	if err != nil {
		return b, fmt.Errorf("%s: %w", from, err)
	}
	b.UnpackLimit = &n
	return b, nil
}
