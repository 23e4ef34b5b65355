package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// Login checks credentials with their registry and keeps them. Without user name it checks those that are kept; the error
// is image.ErrNotLoggedIn (wrapped) when there are none, or they are not valid any more.
func (t Transfer) Login(ctx context.Context, l image.Login) (image.LoggedIn, error) {
	sys, registry, err := t.loginContext(l)
	if err != nil {
		return image.LoggedIn{}, err
	}
	ctx, cancel := t.attend(ctx)
	defer cancel()
	who := image.LoggedIn{Registry: registry, Username: l.Username}
	host, _, _ := strings.Cut(registry, "/")
	newGate(sys).expectRegistry(host, true)
	if l.Username == "" {
		found, err := kept(sys, registry)
		if err != nil {
			return who, err
		}
		who.Username = found.Username
		err = attended(ctx, docker.CheckAuth(ctx, sys, found.Username, found.Password, host))
		if isUnauthorized(err) {
			return who, fmt.Errorf("%w to %q any more: the credentials that are kept are refused", image.ErrNotLoggedIn, registry)
		}
		return who, explain("log in to", registry, host, err)
	}
	if err := attended(ctx, docker.CheckAuth(ctx, sys, l.Username, l.Password, host)); err != nil {
		if isUnauthorized(err) {
			return who, hint.Wrap(failure{fmt.Sprintf("log in to %q: the registry does not accept this user name and password", registry), err},
				"check both; some registries want an access token instead of the password")
		}
		return who, explain("log in to", registry, host, err)
	}
	if who.File, err = keep(sys, registry, l); err != nil {
		return who, fmt.Errorf("keep the credentials for %q: %w", registry, err)
	}
	return who, nil
}

// keep keeps credentials and says where: in the store that docker's file names when they go into docker's file, and it names none for this registry.
func keep(sys *types.SystemContext, registry string, l image.Login) (where string, err error) {
	store, ok, err := storeFor(sys)
	if err != nil {
		return "", err
	}
	if !ok || sys.DockerCompatAuthFilePath == "" || hasHelper(sys.DockerCompatAuthFilePath, registry) {
		return config.SetCredentials(sys, registry, l.Username, l.Password)
	}
	return store.program, store.keep(registry, l.Username, l.Password)
}

// attend bounds the time that a question to a registry may take.
func (t Transfer) attend(ctx context.Context) (context.Context, context.CancelFunc) {
	return (&job{patience: cmp.Or(t.Patience, defaultPatience)}).attend(ctx)
}

// Who says who is logged in; the error is image.ErrNotLoggedIn (wrapped) when nobody is.
func (t Transfer) Who(l image.Login) (image.LoggedIn, error) {
	sys, registry, err := t.loginContext(l)
	if err != nil {
		return image.LoggedIn{}, err
	}
	found, err := kept(sys, registry)
	return image.LoggedIn{Registry: registry, Username: found.Username}, err
}

// kept are the credentials of a registry.
func kept(sys *types.SystemContext, registry string) (types.DockerAuthConfig, error) {
	found, err := credentialsFor(sys, registry)
	switch {
	case err != nil:
		return found, fmt.Errorf("look for the credentials of %q: %w", registry, err)
	case found.IdentityToken != "":
		return found, fmt.Errorf("log in to %q: an identity token is kept, which has no user name and password", registry)
	case found.Username == "":
		return found, fmt.Errorf("%w to %q", image.ErrNotLoggedIn, registry)
	}
	return found, nil
}

// Logout forgets the credentials for a registry, or for all.
func (t Transfer) Logout(l image.Login, all bool) (image.LoggedIn, error) {
	if all {
		sys, err := t.loginFiles(l)
		if err == nil {
			err = config.RemoveAllAuthentication(sys)
		}
		if err == nil {
			err = forgetAll(sys)
		}
		if err != nil {
			return image.LoggedIn{}, fmt.Errorf("log out of all registries: %w", err)
		}
		return image.LoggedIn{}, nil
	}
	sys, registry, err := t.loginContext(l)
	if err != nil {
		return image.LoggedIn{}, err
	}
	err = config.RemoveAuthentication(sys, registry)
	if store, ok, problem := storeFor(sys); problem == nil && ok {
		if found, asked := store.get(registry); asked == nil && found != (types.DockerAuthConfig{}) {
			err = store.forget(registry)
		}
	}
	switch {
	case err == nil:
		return image.LoggedIn{Registry: registry}, nil
	case !errors.Is(err, config.ErrNotLoggedIn):
		return image.LoggedIn{}, fmt.Errorf("log out of %q: %w", registry, err)
	}
	// Other tools may have kept them where this one only reads.
	if found, err := config.GetCredentials(sys, registry); err == nil && found.Username != "" {
		return image.LoggedIn{}, hint.Wrap(fmt.Errorf("log out of %q: %s is logged in by credentials of another tool", registry, found.Username),
			"docker logout "+registry)
	}
	return image.LoggedIn{}, fmt.Errorf("log out of %q: %w", registry, image.ErrNotLoggedIn)
}

// forgetAll empties the credential store.
func forgetAll(sys *types.SystemContext) error {
	store, ok, err := storeFor(sys)
	if err != nil || !ok {
		return err
	}
	kept, err := store.registries()
	var errs []error
	for registry := range kept {
		errs = append(errs, store.forget(registry))
	}
	return errors.Join(append(errs, err)...)
}

// loginFiles says where credentials are kept. A file named by the user need not exist yet.
func (t Transfer) loginFiles(l image.Login) (*types.SystemContext, error) {
	file := l.AuthFile
	l.AuthFile = ""
	sys, err := t.systemContext(l.Access)
	if err != nil {
		return nil, err
	}
	sys.AuthFilePath = authFile(file)
	if l.DockerFile != "" {
		if file != "" {
			return nil, errors.New("credentials are kept in one file: give --authfile or --compat-auth-file")
		}
		sys.AuthFilePath = ""
		if sys.DockerCompatAuthFilePath, err = filepath.Abs(l.DockerFile); err != nil {
			return nil, err
		}
	}
	return sys, nil
}

// loginContext completes loginFiles with the registry: the one named, without scheme; else the first that registries.conf(5) searches.
func (t Transfer) loginContext(l image.Login) (*types.SystemContext, string, error) {
	sys, err := t.loginFiles(l)
	if err != nil {
		return nil, "", err
	}
	registry := strings.TrimPrefix(strings.TrimPrefix(l.Registry, "https://"), "http://")
	switch {
	case l.Registry == "":
		search, err := sysregistriesv2.UnqualifiedSearchRegistries(sys)
		if err != nil {
			return nil, "", fmt.Errorf("read registries.conf: %w", err)
		}
		if len(search) == 0 {
			return nil, "", hint.Wrap(errors.New("log in: no registry is named, and registries.conf has no unqualified-search-registries"), "pod login docker.io")
		}
		return sys, search[0], nil
	case registry != l.Registry:
		registry, _, _ = strings.Cut(registry, "/") // "https://index.docker.io/v1/" names docker.io
		if registry == "index.docker.io" {
			registry = "docker.io"
		}
	}
	return sys, strings.TrimSuffix(registry, "/"), nil
}
