package main

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

func newWaitCommand(a *app) *cobra.Command {
	var (
		chosen     targets
		conditions []string
		interval   string
		first      bool
	)
	cmd := &cobra.Command{
		Use:     "wait [flags] CONTAINER [CONTAINER...]",
		Short:   "Wait until containers have ended and print their exit codes",
		Example: a.example("wait web", "wait --condition running web"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts, err := waitOptions(conditions, interval)
			if err != nil {
				return usageError{err}
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			found, errs, err := chosen.find(cmd.Context(), e, args)
			if err != nil {
				return err
			}
			if chosen.ignore && len(found) == 0 && len(errs) == 0 {
				fmt.Fprintln(a.Out, "-1")
			}
			return waitAll(cmd, a, e, found, errs, opts, first)
		},
	}
	chosen.add(cmd.Flags(), "wait for", targetFlags{ignore: true, cidFile: true, filter: true, long: true})
	cmd.Flags().StringSliceVar(&conditions, "condition", nil, "wait for one of these states instead of the end: created, initialized, running, paused, stopping, stopped, exited, removing")
	cmd.Flags().StringVarP(&interval, "interval", "i", "250ms", "time between two looks while waiting for a condition")
	cmd.Flags().BoolVar(&first, "exit-first-match", false, "end when the first container has reached its condition")
	return cmd
}

func waitOptions(conditions []string, interval string) (engine.WaitOptions, error) {
	var opts engine.WaitOptions
	if ms, err := strconv.Atoi(interval); err == nil {
		interval = fmt.Sprint(ms, "ms")
	}
	var err error
	if opts.Interval, err = time.ParseDuration(interval); err != nil || opts.Interval <= 0 {
		return opts, fmt.Errorf("--interval %q is not a length of time such as 250ms or 2s", interval)
	}
	for _, word := range conditions {
		switch status := container.Status(word); status {
		case container.StatusCreated, container.StatusInitialized, container.StatusRunning, container.StatusPaused,
			container.StatusStopping, container.StatusExited, container.StatusRemoving:
			opts.Conditions = append(opts.Conditions, status)
		case "stopped":
			opts.Conditions = append(opts.Conditions, container.StatusExited)
		default:
			return opts, fmt.Errorf("--condition %q is no state of a container: use created, initialized, running, paused, stopping, stopped, exited or removing", word)
		}
	}
	return opts, nil
}

// waitAll prints the codes in the order of the arguments, or the first one that is there.
func waitAll(cmd *cobra.Command, a *app, e *engine.Engine, found []target, errs []error, opts engine.WaitOptions, first bool) error {
	type result struct {
		code int
		err  error
	}
	results := make([]result, len(found))
	done := make(chan int, len(found))
	var waiters sync.WaitGroup
	for i, t := range found {
		waiters.Go(func() {
			results[i].code, results[i].err = e.Wait(cmd.Context(), t.Config.ID, opts)
			done <- i
		})
	}
	if first && len(found) > 0 {
		r := results[<-done]
		if r.err != nil {
			return r.err
		}
		fmt.Fprintln(a.Out, r.code)
		return nil
	}
	waiters.Wait()
	for _, r := range results {
		if r.err != nil {
			errs = append(errs, r.err)
			continue
		}
		fmt.Fprintln(a.Out, r.code)
	}
	return errors.Join(errs...)
}
