package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/pflag"
)

// targets is the choice of containers that commands on several containers share: by name, or by one of the flags.
type targets struct {
	all, latest, ignore bool
	cidFiles, filters   []string
}

// targetFlags says which of the flags a command has.
type targetFlags struct {
	all, ignore, cidFile, filter bool
	// long leaves -i and -f to other flags of the command.
	long bool
}

func (t *targets) add(f *pflag.FlagSet, verb string, has targetFlags) {
	f.BoolVarP(&t.latest, "latest", "l", false, verb+" the container made last")
	if has.all {
		f.BoolVarP(&t.all, "all", "a", false, verb+" all containers")
	}
	ignore, filter := "i", "f"
	if has.long {
		ignore, filter = "", ""
	}
	if has.ignore {
		f.BoolVarP(&t.ignore, "ignore", ignore, false, "say nothing of containers that do not exist")
	}
	if has.cidFile {
		f.StringArrayVar(&t.cidFiles, "cidfile", nil, "read the container id from this file")
	}
	if has.filter {
		f.StringArrayVarP(&t.filters, "filter", filter, nil, verb+" the containers that match, as in ps")
	}
}

// target is one container with the word the user called it by, which is what commands print.
type target struct {
	word string
	engine.Container
}

// check refuses combinations that make no sense.
func (t *targets) check(args []string) error {
	ways := 0
	for _, given := range []bool{len(args)+len(t.cidFiles) > 0, t.all, t.latest, len(t.filters) > 0} {
		if given {
			ways++
		}
	}
	switch {
	case ways == 0:
		return tooFewOrMany(errors.New("no container is named: give names or ids, or one of the flags that choose containers"))
	case ways > 1 && !(ways == 2 && t.all && len(t.filters) > 0):
		return usageError{errors.New("containers are chosen in two ways at once: use only one of names, --all, --latest and --filter")}
	}
	return nil
}

// find gives the chosen containers. Those named that do not exist are errors, which do not keep the others from
// being acted on.
func (t *targets) find(ctx context.Context, e *engine.Engine, args []string) (found []target, errs []error, err error) {
	if err := t.check(args); err != nil {
		return nil, nil, err
	}
	if t.all || t.latest || len(t.filters) > 0 {
		found, err := t.choose(ctx, e)
		return found, nil, err
	}
	for _, path := range t.cidFiles {
		b, err := os.ReadFile(path)
		if err != nil {
			if t.ignore && errors.Is(err, os.ErrNotExist) {
				continue
			}
			errs = append(errs, fmt.Errorf("read the container id file: %w", err))
			continue
		}
		id, _, _ := strings.Cut(string(b), "\n")
		args = append(args, id)
	}
	for _, word := range args {
		c, err := e.Find(ctx, word)
		if errors.Is(err, engine.ErrNotFound) && t.ignore {
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, target{word, c})
	}
	return found, errs, nil
}

func (t *targets) choose(ctx context.Context, e *engine.Engine) ([]target, error) {
	list, err := e.List(ctx)
	if err != nil {
		return nil, err
	}
	match, err := matching(ctx, e, t.filters, time.Now())
	if err != nil {
		return nil, err
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Config.Created.After(list[j].Config.Created) })
	if t.latest {
		if len(list) == 0 {
			return nil, errors.New("there is no container")
		}
		list = list[:1]
	}
	var found []target
	for _, c := range list {
		if match(c.Config, c.State) {
			found = append(found, target{c.Config.ID, c})
		}
	}
	return found, nil
}

// forEach acts on all targets, several at a time, prints the word of each that went well in the given order, and joins
// the errors of the others to errs.
func (a *app) forEach(found []target, errs []error, act func(target) error) error {
	results := make([]error, len(found))
	var workers sync.WaitGroup
	slots := make(chan struct{}, 8)
	for i, t := range found {
		workers.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			results[i] = act(t)
		})
	}
	workers.Wait()
	for i, t := range found {
		if results[i] != nil {
			errs = append(errs, results[i])
			continue
		}
		fmt.Fprintln(a.Out, t.word)
	}
	return errors.Join(errs...)
}
