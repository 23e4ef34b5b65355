package build

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// changing are the instructions that change only the configuration of an image.
var changing = []string{
	"CMD", "ENTRYPOINT", "ENV", "EXPOSE", "HEALTHCHECK", "LABEL", "MAINTAINER", "ONBUILD", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR",
}

// Change applies instructions of a Dockerfile to a configuration, as commit and import take them: "CMD sleep 1", "ENV A=b C=d", or with an equals sign as podman
// also takes it, "CMD=/bin/sh". They mean what they mean in a build, which reads them (Builder.Frontend); the history stays as it is.
func Change(ctx context.Context, frontend func(context.Context, plan.Request) (plan.Answer, error), config plan.Config, changes []string) (plan.Config, error) {
	text := "FROM base\n"
	var lines []int // at which each change begins
	for _, change := range changes {
		instruction, err := changeInstruction(change)
		if err != nil {
			return config, fmt.Errorf("change %q: %w", change, err)
		}
		lines = append(lines, strings.Count(text, "\n")+1)
		text += instruction + "\n"
	}
	// What a base has for those built on it would be done now.
	triggers := config.Config.OnBuild
	base := config
	base.Config.OnBuild = nil
	platform := plan.Platform{OS: config.OS, Arch: config.Architecture, Variant: config.Variant}
	answer, err := frontend(ctx, plan.Request{
		Name: "--change", Text: []byte(text), Platform: platform, BuildPlatform: platform,
		Images: map[string]plan.Image{plan.Need{Name: "base", Platform: platform}.Key(): {Config: base}},
	})
	if err != nil {
		return config, err
	}
	if p := answer.Problem; p != nil {
		at, _ := slices.BinarySearch(lines, p.Line+1)
		return config, fmt.Errorf("change %q: %s", changes[max(at-1, 0)], p.Text)
	}
	if answer.Plan == nil || len(answer.Plan.Stages) != 1 {
		return config, fmt.Errorf("change %q: they are instructions for one image", changes)
	}
	changed := answer.Plan.Stages[0].Config
	changed.Created, changed.RootFS, changed.History = config.Created, config.RootFS, config.History
	if !slices.ContainsFunc(base.Config.Env, func(entry string) bool { return strings.HasPrefix(entry, "PATH=") }) {
		// That is for builds.
		changed.Config.Env = slices.DeleteFunc(changed.Config.Env, func(entry string) bool { return entry == plan.DefaultPath })
	}
	changed.Config.OnBuild = slices.Concat(triggers, changed.Config.OnBuild)
	return changed, nil
}

// changeInstruction is a change as a Dockerfile has it.
func changeInstruction(change string) (string, error) {
	change = strings.TrimSpace(change)
	end := strings.IndexAny(change, " \t=")
	if end < 0 {
		return "", errors.New(`it is an instruction and what it sets, as "CMD sleep 1"`)
	}
	verb := strings.ToUpper(change[:end])
	if !slices.Contains(changing, verb) {
		return "", fmt.Errorf("it is none of %s", strings.Join(changing, ", "))
	}
	if strings.Contains(change, "\n") {
		return "", errors.New("it has more than one line; give each instruction its own --change")
	}
	return verb + " " + change[end+1:], nil
}
