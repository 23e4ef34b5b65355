package main

import "github.com/spf13/cobra"

func imageCommands(a *app) []*cobra.Command  { return nil }
func newImageCommand(a *app) *cobra.Command  { return &cobra.Command{Use: "image"} }
func newLogsCommand(a *app) *cobra.Command   { return &cobra.Command{Use: "logs"} }
func newEventsCommand(a *app) *cobra.Command { return &cobra.Command{Use: "events"} }
