package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/pod-engine/pod/internal/hint"
	"go.podman.io/storage/pkg/configfile"
	"go.podman.io/storage/pkg/homedir"
	"go.podman.io/storage/pkg/unshare"
)

// registries is the part of registries.conf(5) that says what short names mean.
type registries struct {
	search  []string          // unqualified-search-registries
	mode    string            // short-name-mode: enforcing, permissive or disabled
	aliases map[string]string // only the alias of the name in question, if it has one
	files   []string          // that were read
}

// readRegistries reads what concerns one short name from registries.conf, its drop-in directories, and the aliases that
// podman recorded. A file that cannot matter, as it neither names the short name nor configures anything but
// aliases, is not parsed: distributions ship hundreds of aliases, and parsing them all would cost more than the rest of a lookup.
func readRegistries(path string) (registries, error) {
	r := registries{mode: "permissive", aliases: map[string]string{}}
	for item, err := range configfile.Read(&configfile.File{
		Name: "registries", Extension: "conf", EnvironmentName: "CONTAINERS_REGISTRIES_CONF", UserId: unshare.GetRootlessUID(),
	}) {
		if err != nil {
			return r, fmt.Errorf("read registries.conf: %w", err)
		}
		r.files = append(r.files, item.Name)
		data, err := io.ReadAll(item.Reader)
		if err != nil {
			return r, fmt.Errorf("read %q: %w", item.Name, err)
		}
		if err := r.add(item.Name, data, path); err != nil {
			return r, err
		}
	}
	recorded, err := recordedAliases()
	if err != nil {
		return r, err
	}
	data, err := os.ReadFile(recorded)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	return r, r.add(recorded, data, path)
}

// add lets one file override what those before it said.
func (r *registries) add(file string, data []byte, path string) error {
	relevant := bytes.Contains(data, []byte("unqualified-search-registries")) || bytes.Contains(data, []byte("short-name-mode")) ||
		bytes.Contains(data, []byte(path))
	if !relevant {
		return nil
	}
	var conf struct {
		Search  []string          `toml:"unqualified-search-registries"`
		Mode    string            `toml:"short-name-mode"`
		Aliases map[string]string `toml:"aliases"`
	}
	if err := toml.Unmarshal(data, &conf); err != nil {
		return fmt.Errorf("read %q: %w", file, err)
	}
	if conf.Search != nil {
		r.search = conf.Search
	}
	switch conf.Mode {
	case "":
	case "enforcing", "permissive", "disabled":
		r.mode = conf.Mode
	default:
		return fmt.Errorf("read %q: short-name-mode %q is not enforcing, permissive or disabled", file, conf.Mode)
	}
	if alias, ok := conf.Aliases[path]; ok {
		r.aliases[path] = alias
	}
	return nil
}

// recordedAliases is the file in which podman keeps the choices people made at its prompt.
func recordedAliases() (string, error) {
	const file = "containers/short-name-aliases.conf"
	if unshare.GetRootlessUID() == 0 {
		return filepath.Join("/var/cache", file), nil
	}
	cache, err := homedir.GetCacheHome()
	return filepath.Join(cache, file), err
}

// alias gives the full name a short one is an alias of. An alias to nothing switches an earlier one off.
func (r registries) alias(n Name) (Name, bool) {
	target := r.aliases[n.Path]
	if target == "" {
		return n, false
	}
	full, err := ParseName(target)
	if err != nil || full.Short() {
		return n, false
	}
	full.Tag, full.Digest = n.Tag, n.Digest
	return full, true
}

// local gives the full names a short name may have in the store, best first.
func (r registries) local(n Name) []Name {
	var out []Name
	if full, ok := r.alias(n); ok {
		out = append(out, full)
	}
	for _, registry := range append([]string{"localhost"}, r.search...) {
		if full, err := n.In(registry); err == nil {
			out = append(out, full)
		}
	}
	return out
}

// PullNames gives the full names that name may be pulled by, in the order to try; one name for a full one. A short name
// is never guessed: without alias and search registry, and with several search registries in the mode "enforcing",
// it is refused.
func PullNames(name string) ([]Name, error) {
	n, err := ParseName(name)
	if err != nil {
		return nil, err
	}
	n = n.Tagged()
	if !n.Short() {
		return []Name{n}, nil
	}
	r, err := readRegistries(n.Path)
	if err != nil {
		return nil, err
	}
	if full, ok := r.alias(n); ok {
		return []Name{full}, nil
	}
	var out []Name
	for _, registry := range r.search {
		full, err := n.In(registry)
		if err != nil {
			return nil, fmt.Errorf("search registry %q: %w", registry, err)
		}
		out = append(out, full)
	}
	switch {
	case len(out) == 0:
		return nil, hint.Wrap(fmt.Errorf("short name %q: no alias and no unqualified-search-registries in %s", name, r.where()),
			"give the whole name, for example docker.io/"+docker(n))
	case len(out) > 1 && r.mode == "enforcing":
		return nil, hint.Wrap(fmt.Errorf("short name %q: it may be any of %s, and short-name-mode is enforcing", name, list(out)),
			"give the whole name")
	}
	return out, nil
}

func (r registries) where() string {
	if len(r.files) == 0 {
		return "registries.conf, which does not exist"
	}
	return strings.Join(r.files, ", ")
}

// docker is a short name below docker.io.
func docker(n Name) string {
	if !strings.Contains(n.Path, "/") {
		n.Path = "library/" + n.Path
	}
	return n.String()
}

func list(names []Name) string {
	var out []string
	for _, n := range names {
		out = append(out, n.String())
	}
	return strings.Join(out, ", ")
}
