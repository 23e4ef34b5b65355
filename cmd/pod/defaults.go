package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/internal/containersconf"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/container"
)

// applyDefaults completes a configuration made from flags with what containers.conf says about all containers. given reports
// whether a flag was.
func (a *app) applyDefaults(cfg *container.Config, given func(flag string) bool) error {
	var defaults container.Defaults
	settings, err := containersconf.Read(containersconf.Paths(os.Getenv), &defaults)
	if err != nil {
		return err
	}
	defaults.StopTimeout = settings.StopTimeout
	if !given("http-proxy") {
		proxies, err := a.configuredProxies()
		if err != nil {
			return err
		}
		defaults.Env = append(proxies, defaults.Env...)
	}
	return cfg.ApplyDefaults(defaults, given)
}

// detachKeys are those of --detach-keys, else of containers.conf, else the usual ones.
func detachKeys(cmd *cobra.Command) ([]byte, error) {
	keys, err := cmd.Flags().GetString("detach-keys")
	if err != nil {
		return nil, err
	}
	from := "--detach-keys"
	if !cmd.Flags().Changed("detach-keys") {
		settings, err := containersconf.Read(containersconf.Paths(os.Getenv), nil)
		if err != nil {
			return nil, err
		}
		if settings.DetachKeys != "" {
			keys, from = settings.DetachKeys, "detach_keys in containers.conf"
		}
	}
	sequence, err := terminal.ParseDetachKeys(keys)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", from, err)}
	}
	return sequence, nil
}
