package main

import (
	"context"
	"encoding/json"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// changeHelp says which instructions --change takes.
const changeHelp = "apply an instruction: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME, WORKDIR"

// frontend has a Dockerfile read.
func (a *app) frontend(ctx context.Context, req plan.Request) (plan.Answer, error) {
	user, err := a.enter(ctx)
	if err != nil {
		return plan.Answer{}, err
	}
	program, err := carried.Path(ctx, "pod-frontend", user.DataDir)
	if err != nil {
		return plan.Answer{}, err
	}
	return build.Ask(ctx, program, req)
}

// changer is what --change does to the configuration of an image; nil: nothing. Mistakes are found at once.
func (a *app) changer(ctx context.Context, changes []string) (func(image.Config) (image.Config, error), error) {
	if len(changes) == 0 {
		return nil, nil
	}
	change := func(conf image.Config) (image.Config, error) {
		text, err := conf.Encode()
		if err != nil {
			return conf, err
		}
		var config plan.Config
		if err := json.Unmarshal(text, &config); err != nil {
			return conf, err
		}
		if config, err = build.Change(ctx, a.frontend, config, changes); err != nil {
			return conf, err
		}
		if text, err = json.Marshal(config); err != nil {
			return conf, err
		}
		changed, err := image.DecodeConfig(text)
		changed.Docker.Comment, changed.Docker.Parent = conf.Docker.Comment, conf.Docker.Parent
		return changed, err
	}
	if _, err := change(image.Config{}); err != nil {
		return nil, usageError{err}
	}
	return change, nil
}
