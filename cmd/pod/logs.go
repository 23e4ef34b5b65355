package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pod-engine/pod/internal/timespec"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/engine/log"
)

// logEngine is what logs needs of the engine.
type logEngine interface {
	Find(ctx context.Context, nameOrID string) (engine.Container, error)
	List(ctx context.Context) ([]engine.Container, error)
	LogPath(cfg *container.Config) string
	Wait(ctx context.Context, id string, opts engine.WaitOptions) (int, error)
}

// logsOptions are the flags of logs.
type logsOptions struct {
	follow, latest, details  bool
	colour, names, timestamp bool
	since, until             string
	tail                     lineCount
}

func newLogsCommand(a *app) *cobra.Command {
	opts := logsOptions{tail: -1}
	cmd := &cobra.Command{
		Use:   "logs [flags] CONTAINER [CONTAINER...]",
		Short: "Show what containers wrote",
		Long: "Show what containers wrote to their standard output and standard error, to the same stream of this command.\n" +
			"The lines of several containers are in the order of their times, each behind the id or name.\n\n" +
			"TIME is a date (2006-01-02T15:04:05, with or without the time and a zone), seconds since 1970, or a duration\n" +
			"(10m): before now for --since, after now for --until.\n\n" +
			"--details of docker is accepted; no log driver here keeps the extra attributes it would show.",
		Example: "  " + a.name + " logs --follow web\n  " + a.name + " logs --tail 20 --timestamps web db",
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := opts.check(args); err != nil {
				return usageError{err}
			}
			window, err := opts.window(a.asDocker())
			if err != nil {
				return usageError{err}
			}
			e, err := a.engine(cmd.Context())
			if err != nil {
				return err
			}
			return runLogs(cmd.Context(), a, e, args, opts, window)
		},
	}
	opts.addFlags(cmd, a.name)
	return cmd
}

func (o *logsOptions) addFlags(cmd *cobra.Command, program string) {
	// docker and podman give -n to different flags.
	names, tail := "n", ""
	if program == "docker" {
		names, tail = "", "n"
	}
	f := cmd.Flags()
	f.BoolVar(&o.colour, "color", false, "show each container in a colour of its own")
	f.BoolVar(&o.details, "details", false, "show extra attributes (there are none)")
	f.BoolVarP(&o.follow, "follow", "f", false, "go on until the containers have ended")
	f.BoolVarP(&o.latest, "latest", "l", false, "show the logs of the container made last")
	f.BoolVarP(&o.names, "names", names, false, "with several containers, show their names instead of their ids")
	f.StringVar(&o.since, "since", "", "leave out what was written before `TIME`")
	f.VarP(&o.tail, "tail", tail, "begin this many `lines` before the end (default all)")
	f.BoolVarP(&o.timestamp, "timestamps", "t", false, "show the time of each line")
	f.StringVar(&o.until, "until", "", "leave out what was written after `TIME`")
	f.Lookup("tail").DefValue = "" // said in words
	if err := f.MarkHidden("details"); err != nil {
		panic(err) // the flag is defined above
	}
}

func (o *logsOptions) check(args []string) error {
	switch {
	case o.latest && len(args) > 0:
		return errors.New("--latest chooses the container: give no names with it")
	case !o.latest && len(args) == 0:
		return tooFewOrMany(errors.New("no container is named: give one or more names or ids, or --latest"))
	}
	return nil
}

// window reads the times. Docker counts a duration in --until back.
func (o *logsOptions) window(docker bool) (window log.Options, err error) {
	window = log.Options{Follow: o.follow, Tail: int(o.tail)}
	window.Since, window.Until, err = timeWindow(o.since, o.until, docker)
	return window, err
}

// timeWindow reads the values of --since and --until; an empty one gives a zero time.
func timeWindow(since, until string, docker bool) (from, to time.Time, err error) {
	now := time.Now()
	if since != "" {
		if from, err = timespec.Ago(since, now); err != nil {
			return from, to, fmt.Errorf("--since: %w", err)
		}
	}
	if until != "" {
		read := timespec.Ahead
		if docker {
			read = timespec.Ago
		}
		if to, err = read(until, now); err != nil {
			return from, to, fmt.Errorf("--until: %w", err)
		}
	}
	return from, to, nil
}

func runLogs(ctx context.Context, a *app, e logEngine, names []string, opts logsOptions, window log.Options) error {
	containers, err := logContainers(ctx, e, names)
	if err != nil {
		return err
	}
	// What waits for the ends of containers must not outlive this function.
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := newLogPrinter(a, opts, containers)
	window.Idle = p.flush
	sources := make([]log.Source, len(containers))
	for i, c := range containers {
		sources[i] = logSource(ctx, e, c, opts.follow)
	}
	if len(sources) == 1 {
		err = log.Read(ctx, sources[0], window, func(r log.Record) error { return p.print(0, r) })
	} else {
		err = log.Merge(ctx, sources, window, p.print)
	}
	if flushed := p.end(); err == nil {
		err = flushed
	}
	return err
}

// logContainers finds the containers by name, or without names the one made last.
func logContainers(ctx context.Context, e logEngine, names []string) ([]engine.Container, error) {
	var containers []engine.Container
	for _, name := range names {
		c, err := e.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		containers = append(containers, c)
	}
	if len(names) > 0 {
		return containers, nil
	}
	all, err := e.List(ctx)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, errors.New("there is no container")
	}
	latest := all[0]
	for _, c := range all {
		if c.Config.Created.After(latest.Config.Created) {
			latest = c
		}
	}
	return []engine.Container{latest}, nil
}

func logSource(ctx context.Context, e logEngine, c engine.Container, follow bool) log.Source {
	src := log.Source{
		Driver:  c.Config.Log.Driver,
		Path:    e.LogPath(c.Config),
		ID:      c.Config.ID,
		Name:    c.Config.Name,
		MaxFile: c.Config.Log.MaxFile,
	}
	if follow {
		src.Ended = containerEnd(ctx, e, c)
	}
	return src
}

// containerEnd gives a channel that is closed when c has ended, or nil when it has. A container that was made only is
// awaited too: its log is best followed from before its start.
func containerEnd(ctx context.Context, e logEngine, c engine.Container) <-chan struct{} {
	switch c.State.Status {
	case container.StatusExited, container.StatusRemoving, container.StatusDamaged:
		return nil
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if c.State.Status == container.StatusCreated {
			started := engine.WaitOptions{Interval: 100 * time.Millisecond, Conditions: []container.Status{
				container.StatusRunning, container.StatusPaused, container.StatusRestarting, container.StatusStopping,
				container.StatusExited, container.StatusRemoving, container.StatusDamaged,
			}}
			if _, err := e.Wait(ctx, c.Config.ID, started); err != nil {
				return
			}
		}
		// However the waiting ends, there is nobody left who writes: the exit code and why it may be unknown are for
		// wait and inspect to tell.
		e.Wait(ctx, c.Config.ID, engine.WaitOptions{})
	}()
	return ended
}

// lineCount is a number of lines, negative for all.
type lineCount int

func (n *lineCount) String() string { return strconv.Itoa(int(*n)) }
func (n *lineCount) Type() string   { return "lines" }

func (n *lineCount) Set(s string) error {
	if strings.EqualFold(s, "all") {
		*n = -1
		return nil
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return errors.New("want a number of lines, or all")
	}
	*n = lineCount(min(v, math.MaxInt32))
	return nil
}
