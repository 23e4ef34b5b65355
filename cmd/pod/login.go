package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

type loginOptions struct {
	image.Login
	access                            accessFlags
	passwordStdin, getLogin, password bool
	verbose                           bool
}

func newLoginCommand(a *app) *cobra.Command {
	var opts loginOptions
	cmd := &cobra.Command{
		Use:   "login [flags] [REGISTRY]",
		Short: "Log in to a registry",
		Long: "Check user name and password with a registry, and keep them for pull and push. What is not given is asked for. Without a\n" +
			"registry it is the first that registries.conf searches; called as docker, docker.io. Credentials are kept in auth.json;\n" +
			"called as docker, in docker's config.json; or by a credential helper that one of the two names.",
		Example: a.example("login quay.io", "login -u jo --password-stdin registry:5000 < token", "login --get-login quay.io"),
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.Registry = a.registry(args)
			if err := opts.complete(cmd.Flags(), a); err != nil {
				return err
			}
			return runLogin(cmd.Context(), a, opts)
		},
	}
	f := cmd.Flags()
	opts.access.add(f, &opts.Access)
	addKeptFlags(f, &opts.Login)
	f.BoolVar(&opts.getLogin, "get-login", false, "print who is logged in")
	f.StringVarP(&opts.Password, "password", "p", "", "password; others can see it while the command runs")
	f.BoolVar(&opts.passwordStdin, "password-stdin", false, "read the password from the standard input")
	f.StringVarP(&opts.Username, "username", "u", "", "user name")
	f.BoolVarP(&opts.verbose, "verbose", "v", false, "say where the credentials are kept")
	return cmd
}

// addKeptFlags binds where credentials are kept, beside --authfile.
func addKeptFlags(f *pflag.FlagSet, l *image.Login) {
	f.StringVar(&l.DockerFile, "compat-auth-file", "", "keep the credentials in this `file`, in docker's format")
}

// registry is the registry meant: the one named; as docker, docker.io by default; else "", which registries.conf resolves.
func (a *app) registry(args []string) string {
	if len(args) == 0 && a.style() == report.Docker {
		return "docker.io"
	}
	return strings.Join(args, "")
}

// keepAs puts credentials where the caller's tool looks for them: docker's config.json for docker, and where DOCKER_CONFIG says.
func (a *app) keepAs(l *image.Login) {
	dir := os.Getenv("DOCKER_CONFIG")
	switch {
	case l.DockerFile != "" || l.AuthFile != "" || os.Getenv("REGISTRY_AUTH_FILE") != "":
		return
	case dir == "" && a.style() != report.Docker:
		return
	case dir == "":
		dir = filepath.Join(os.Getenv("HOME"), ".docker")
	}
	l.DockerFile = filepath.Join(dir, "config.json")
}

// complete checks flags against each other and reads the password from the standard input.
func (o *loginOptions) complete(f *pflag.FlagSet, a *app) error {
	if err := o.access.complete(f, a, &o.Access, true); err != nil {
		return err
	}
	o.password = f.Changed("password")
	a.keepAs(&o.Login)
	switch {
	case o.passwordStdin && o.password:
		return usageError{errors.New("--password and --password-stdin both give the password: use one")}
	case o.passwordStdin && o.Username == "":
		return usageError{errors.New("--password-stdin takes the password alone: give --username too")}
	case o.password && a.style() == report.Docker:
		fmt.Fprintln(a.Err, "WARNING! Using --password via the CLI is insecure. Use --password-stdin.")
	}
	if !o.passwordStdin {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(a.In, 64<<10))
	if err != nil {
		return fmt.Errorf("read the password: %w", err)
	}
	o.Password = strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	if o.Password == "" {
		return errors.New("the standard input has no password")
	}
	return nil
}

func runLogin(ctx context.Context, a *app, o loginOptions) error {
	store, err := a.images(ctx)
	if err != nil {
		return err
	}
	if o.getLogin {
		who, err := a.courier().Who(ctx, store, o.Login)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.Out, who.Username)
		return nil
	}
	if o.Username == "" && !o.password {
		done, err := a.loginAgain(ctx, store, &o.Login)
		if done || err != nil {
			return err
		}
	}
	if err := a.askLogin(&o); err != nil {
		return err
	}
	in, err := a.courier().Login(ctx, store, o.Login)
	if err != nil {
		return err
	}
	if o.verbose {
		fmt.Fprintln(a.Out, "Used:", in.File)
	}
	fmt.Fprintln(a.Out, a.succeeded())
	return nil
}

// succeeded is what scripts look for.
func (a *app) succeeded() string {
	if a.style() == report.Docker {
		return "Login Succeeded"
	}
	return "Login Succeeded!"
}

// loginAgain tries the credentials that are kept, and is done when they are still good.
func (a *app) loginAgain(ctx context.Context, store *image.Store, l *image.Login) (done bool, err error) {
	in, err := a.courier().Login(ctx, store, *l)
	switch {
	case err == nil:
		fmt.Fprintf(a.Out, "Authenticating with existing credentials for %s\n", in.Registry)
		fmt.Fprintln(a.Out, "Existing credentials are valid. Already logged in to "+in.Registry)
		return true, nil
	case !errors.Is(err, image.ErrNotLoggedIn):
		return false, err
	case in.Username != "":
		fmt.Fprintf(a.Err, "The credentials kept for %s are not valid any more.\n", in.Username)
	}
	return false, nil
}

// askLogin asks for what was not given.
func (a *app) askLogin(o *loginOptions) (err error) {
	given := o.Username != "" && (o.password || o.passwordStdin)
	if !given && !terminal.IsTerminal(a.In) && o.Username == "" {
		return usageError{hint.Wrap(errors.New("log in: the standard input is not a terminal to ask for user name and password"),
			a.name+" login -u USER --password-stdin")}
	}
	if o.Username == "" {
		if o.Username, err = a.ask("Username: ", false); err != nil {
			return err
		}
	}
	if o.Password == "" {
		if o.Password, err = a.ask("Password: ", true); err != nil {
			return err
		}
	}
	if o.Username == "" || o.Password == "" {
		return errors.New("log in: user name and password cannot be empty")
	}
	return nil
}
