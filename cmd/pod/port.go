package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/spf13/cobra"
)

type portOptions struct{ all, latest bool }

func newPortCommand(a *app, src sources) *cobra.Command {
	var opts portOptions
	cmd := &cobra.Command{
		Use:     "port [flags] CONTAINER [PORT[/PROTOCOL]]",
		Short:   "Show where a container's ports are published",
		Example: a.example("port web", "port web 80/tcp", "port --all"),
		Args:    cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPort(cmd.Context(), a, src, opts, args)
		},
	}
	cmd.Flags().BoolVarP(&opts.all, "all", "a", false, "show the ports of all running containers")
	cmd.Flags().BoolVarP(&opts.latest, "latest", "l", false, "show the ports of the container made last")
	return cmd
}

// check gives the container's name and the port from the arguments; with --latest the only argument is the port.
func (o portOptions) check(args []string) (name, port string, err error) {
	switch {
	case o.all && o.latest:
		return "", "", usageError{errors.New("--all and --latest exclude each other")}
	case o.all && len(args) > 0:
		return "", "", usageError{errors.New("--all shows every container: leave out the arguments")}
	case o.latest && len(args) > 1:
		return "", "", usageError{errors.New("--latest says which container: give only the port")}
	case !o.all && !o.latest && len(args) == 0:
		return "", "", tooFewOrMany(errors.New("no container is named: give a name or an id, or --all or --latest"))
	}
	if !o.all && !o.latest {
		name, args = args[0], args[1:]
	}
	if len(args) == 0 {
		return name, "", nil
	}
	port, err = parsePrivatePort(args[0])
	return name, port, err
}

// parsePrivatePort reads PORT[/PROTOCOL] and gives it with the protocol.
func parsePrivatePort(s string) (string, error) {
	number, protocol, ok := strings.Cut(s, "/")
	if !ok {
		protocol = "tcp"
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || protocol != "tcp" && protocol != "udp" && protocol != "sctp" {
		return "", usageError{fmt.Errorf("%q is no port: a port is 1 to 65535, with /tcp, /udp or /sctp", s)}
	}
	return strconv.FormatUint(n, 10) + "/" + protocol, nil
}

func runPort(ctx context.Context, a *app, src sources, o portOptions, args []string) error {
	name, port, err := o.check(args)
	if err != nil {
		return err
	}
	r, err := src.containers(ctx)
	if err != nil {
		return err
	}
	if o.all {
		return portsOfAll(ctx, a.Out, r, src)
	}
	var c engine.Container
	if o.latest {
		c, err = newest(ctx, r)
	} else {
		c, err = r.Find(ctx, name)
	}
	if err != nil {
		return err
	}
	published := publishedPorts(c, src)
	out := bufio.NewWriter(a.Out)
	shown := false
	for _, p := range published {
		switch port {
		case "":
			fmt.Fprintln(out, p)
		case p.container:
			fmt.Fprintln(out, p.host)
			shown = true
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if port != "" && !shown {
		return fmt.Errorf("port %s of %q is not published", port, c.Config.Name)
	}
	return nil
}

func portsOfAll(ctx context.Context, w io.Writer, r containerReader, src sources) error {
	list, err := r.List(ctx)
	if err != nil {
		return err
	}
	sortNewest(list)
	out := bufio.NewWriter(w)
	for _, c := range list {
		for _, p := range publishedPorts(c, src) {
			fmt.Fprintf(out, "%.12s\t%s\n", c.Config.ID, p)
		}
	}
	return out.Flush()
}

// publishedPort is one line of port: "80/tcp" and "0.0.0.0:8080".
type publishedPort struct{ container, host string }

func (p publishedPort) String() string { return p.container + " -> " + p.host }

// publishedPorts gives every port by itself, and none of a container without a process.
func publishedPorts(c engine.Container, src sources) []publishedPort {
	if !c.State.Alive() {
		return nil
	}
	var out []publishedPort
	for _, p := range src.ports(c) {
		for i := range max(p.Count, 1) {
			if p.HostPort != 0 {
				out = append(out, publishedPort{onePort(p, i), hostAddress(p.HostIP, portRange(p.HostPort+i, 1))})
			}
		}
	}
	return out
}

func onePort(p container.Port, i uint16) string {
	return portRange(p.ContainerPort+i, 1) + "/" + p.Protocol
}
