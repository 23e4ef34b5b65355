package transfer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/docker/docker-credential-helpers/client"
	"github.com/docker/docker-credential-helpers/credentials"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"
)

// credentialStore is the program that keeps all of a person's credentials, which docker's config.json names (credsStore). The library knows only
// those for one registry each (credHelpers), which come before it.
type credentialStore struct{ program string }

// storeFor gives the credential store of docker's file that counts: the one the user names as such, the file with credentials that is named, or docker's
// usual one. ok is false when there is none.
func storeFor(sys *types.SystemContext) (_ credentialStore, ok bool, err error) {
	dir := cmp.Or(os.Getenv("DOCKER_CONFIG"), filepath.Join(os.Getenv("HOME"), ".docker"))
	path := cmp.Or(sys.DockerCompatAuthFilePath, sys.AuthFilePath, filepath.Join(dir, "config.json"))
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return credentialStore{}, false, nil
	}
	var file struct {
		CredsStore string `json:"credsStore"`
	}
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err != nil {
		return credentialStore{}, false, fmt.Errorf("read credentials from %q: %w", path, err)
	}
	if strings.ContainsRune(file.CredsStore, '/') {
		return credentialStore{}, false, fmt.Errorf("%q names the credential store %q, which is not the end of a program's name", path, file.CredsStore)
	}
	return credentialStore{"docker-credential-" + file.CredsStore}, file.CredsStore != "", nil
}

// hasHelper reports whether docker's file names a program for this registry alone.
func hasHelper(path, registry string) bool {
	var file struct {
		CredHelpers map[string]string `json:"credHelpers"`
	}
	text, err := os.ReadFile(path)
	return err == nil && json.Unmarshal(text, &file) == nil && file.CredHelpers[registry] != ""
}

// address is what docker calls a registry in its store.
func address(registry string) string {
	if registry == "docker.io" {
		return "https://index.docker.io/v1/"
	}
	return registry
}

// get gives the credentials for a registry; the zero value when there are none.
func (c credentialStore) get(registry string) (types.DockerAuthConfig, error) {
	found, err := client.Get(client.NewShellProgramFunc(c.program), address(registry))
	switch {
	case credentials.IsErrCredentialsNotFound(err):
		return types.DockerAuthConfig{}, nil
	case err != nil:
		return types.DockerAuthConfig{}, fmt.Errorf("ask %s for the credentials of %q: %w", c.program, registry, err)
	case found.Username == "<token>":
		return types.DockerAuthConfig{IdentityToken: found.Secret}, nil
	}
	return types.DockerAuthConfig{Username: found.Username, Password: found.Secret}, nil
}

// keep stores credentials.
func (c credentialStore) keep(registry, user, password string) error {
	return client.Store(client.NewShellProgramFunc(c.program), &credentials.Credentials{ServerURL: address(registry), Username: user, Secret: password})
}

// forget removes those of a registry.
func (c credentialStore) forget(registry string) error {
	return client.Erase(client.NewShellProgramFunc(c.program), address(registry))
}

// registries lists for which there are credentials, as docker calls them.
func (c credentialStore) registries() (map[string]string, error) {
	return client.List(client.NewShellProgramFunc(c.program))
}

// storedFor gives the credentials for a registry from a store, if the library finds none for what is asked for.
func storedFor(sys *types.SystemContext, domain string, found types.DockerAuthConfig, err error) (types.DockerAuthConfig, error) {
	if err != nil || found != (types.DockerAuthConfig{}) {
		return found, err
	}
	store, ok, err := storeFor(sys)
	if err != nil || !ok {
		return found, err
	}
	if _, err := exec.LookPath(store.program); err != nil {
		return found, nil //nolint:nilerr // docker's file came from a machine that has it; who has logged in here has not done so with it
	}
	return store.get(domain)
}

// credentialsForRef are those for an image, from wherever they are kept.
func credentialsForRef(sys *types.SystemContext, named reference.Named) (types.DockerAuthConfig, error) {
	found, err := config.GetCredentialsForRef(sys, named)
	return storedFor(sys, reference.Domain(named), found, err)
}

// credentialsFor are those for a registry itself.
func credentialsFor(sys *types.SystemContext, domain string) (types.DockerAuthConfig, error) {
	found, err := config.GetCredentials(sys, domain)
	return storedFor(sys, domain, found, err)
}

// sysFor is how a reference is spoken to: with the credentials that the library would not find itself.
func (j *job) sysFor(ref types.ImageReference) (*types.SystemContext, error) {
	if registryOf(ref) == "" || j.sys.DockerAuthConfig != nil {
		return j.sys, nil
	}
	found, err := credentialsForRef(j.sys, ref.DockerReference())
	if err != nil {
		return nil, err
	}
	if found == (types.DockerAuthConfig{}) {
		return j.sys, nil
	}
	sys := *j.sys
	sys.DockerAuthConfig = &found
	return &sys, nil
}

// openSource opens what an image is read from.
func (j *job) openSource(ctx context.Context, ref types.ImageReference) (types.ImageSource, error) {
	sys, err := j.sysFor(ref)
	if err != nil {
		return nil, err
	}
	return ref.NewImageSource(ctx, sys)
}
