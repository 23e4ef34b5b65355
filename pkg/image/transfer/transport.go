package transfer

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/directory"
	"go.podman.io/image/v5/docker"
	dockerarchive "go.podman.io/image/v5/docker/archive"
	"go.podman.io/image/v5/docker/daemon"
	"go.podman.io/image/v5/docker/reference"
	ociarchive "go.podman.io/image/v5/oci/archive"
	"go.podman.io/image/v5/oci/layout"
	storageref "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/transports"
	"go.podman.io/image/v5/types"
)

type imageRef = types.ImageReference

// transport takes the name of an image apart: the word before the first colon, when that is a transport
// (containers-transports(5)), and what follows. Without one it is docker, whose rest begins with "//".
func transport(name string) (word, rest string) {
	word, rest, found := strings.Cut(name, ":")
	switch word {
	case "dir", "oci", "oci-archive", "docker-archive", "docker-daemon", "containers-storage":
		return word, rest
	case "docker":
		if found && strings.HasPrefix(rest, "//") {
			return word, rest
		}
	}
	return "docker", "//" + name
}

// ref gives the library's reference for a name with or without transport. A name without registry is docker.io's, as everywhere
// where a destination is named.
func (j *job) ref(name string) (imageRef, error) {
	word, rest := transport(name)
	switch word {
	case "dir":
		return directory.Transport.ParseReference(rest)
	case "oci":
		return layout.ParseReference(rest)
	case "oci-archive":
		return ociarchive.ParseReference(rest)
	case "docker-archive":
		return dockerarchive.ParseReference(rest)
	case "docker-daemon":
		j.sys.DockerDaemonHost = os.Getenv("DOCKER_HOST")
		return daemon.ParseReference(rest)
	case "containers-storage":
		return j.storageRef(rest)
	}
	ref, err := docker.ParseReference(rest)
	if err == nil {
		j.gate.expect(ref)
	}
	return ref, err
}

// storageRef names an image of the store, which exists or not.
func (j *job) storageRef(name string) (imageRef, error) {
	lib, err := j.store.Library()
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(name, "[") || strings.HasPrefix(name, "@") {
		// A store of its own, or an id: the library's own notation.
		return storageref.Transport.ParseStoreReference(lib, name)
	}
	n, err := image.LocalName(name)
	if err != nil {
		return nil, err
	}
	named, err := reference.ParseNormalizedNamed(n.String())
	if err != nil {
		return nil, err
	}
	return storageref.Transport.NewStoreReference(lib, named, "")
}

// registryOf is the host that a reference is at, or "".
func registryOf(ref imageRef) string {
	if named := ref.DockerReference(); named != nil && ref.Transport() == docker.Transport {
		return reference.Domain(named)
	}
	return ""
}

// fullName is how a reference is told to a person: docker:// goes without saying.
func fullName(ref imageRef) string {
	return strings.TrimSuffix(strings.TrimPrefix(transports.ImageName(ref), "docker://"), docker.UnknownDigestSuffix)
}

// explainRef is explain for a reference of any transport.
func explainRef(verb string, ref imageRef, err error) error {
	if err == nil || ref.Transport() != daemon.Transport {
		return explain(verb, fullName(ref), registryOf(ref), err)
	}
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	return hint.Wrap(fmt.Errorf("%s %q: the docker daemon at %s: %w", verb, fullName(ref), host, err),
		"docker-daemon: needs a running docker that you may use, or DOCKER_HOST; without one, docker-archive:FILE")
}

// destination is where an image goes. An archive is written beside its place and moved there when it is whole.
type destination struct {
	imageRef
	name    string     // as a person wrote it, without docker://
	archive string     // path of the archive; empty: no archive
	part    *workspace // beside it, in which it is written
	oci     bool       // the archive holds an OCI layout
}

func (j *job) destination(name string) (*destination, error) {
	ref, err := j.ref(name)
	if err != nil {
		return nil, err
	}
	d := &destination{imageRef: ref, name: fullName(ref)}
	word, rest := transport(name)
	if word != "docker-archive" && word != "oci-archive" {
		return d, nil
	}
	path, tag, tagged := strings.Cut(rest, ":")
	switch info, err := os.Stat(path); {
	case err == nil && !info.Mode().IsRegular():
		return d, nil // a pipe or device is written as it is
	case err == nil && word == "docker-archive":
		return nil, hint.Wrap(fmt.Errorf("%q exists, and a docker archive is not changed", path), "rm "+path)
	}
	d.archive, d.oci = path, word == "oci-archive"
	if d.part, err = beside(path); err != nil {
		return nil, err
	}
	part := filepath.Join(d.part.dir, filepath.Base(path))
	if tagged {
		part += ":" + tag
	}
	if d.imageRef, err = j.ref(word + ":" + part); err != nil {
		return nil, errors.Join(err, d.end(false))
	}
	return d, nil
}

// end moves what was written to its place, or takes it away.
func (d *destination) end(whole bool) (err error) {
	if d.part == nil {
		return nil
	}
	part := filepath.Join(d.part.dir, filepath.Base(d.archive))
	if whole && d.oci {
		err = levelArchive(part)
	}
	if whole && err == nil {
		err = os.Rename(part, d.archive)
	}
	return errors.Join(err, d.part.remove())
}
