package image

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
	"github.com/pod-engine/pod/internal/atomicfile"
)

// Choices gives the full names among which a person has to choose, when name is short and registries.conf(5) lets nobody guess: several search
// registries, no alias, and short-name-mode enforcing. Else there are none.
func Choices(name string) ([]Name, error) {
	n, err := ParseName(name)
	if err != nil || !n.Short() {
		return nil, err
	}
	r, err := readRegistries(n.Path)
	if err != nil {
		return nil, err
	}
	if _, ok := r.alias(n); ok || r.mode != "enforcing" || len(r.search) < 2 {
		return nil, nil
	}
	var out []Name
	for _, registry := range r.search {
		full, err := n.Tagged().In(registry)
		if err != nil {
			return nil, fmt.Errorf("search registry %q: %w", registry, err)
		}
		out = append(out, full)
	}
	return out, nil
}

// Remember records what a short name stands for, where podman keeps such choices too.
func Remember(short string, chosen Name) error {
	n, err := ParseName(short)
	if err != nil {
		return err
	}
	path, err := recordedAliases()
	if err != nil {
		return err
	}
	conf := struct {
		Aliases map[string]string `toml:"aliases"`
	}{map[string]string{}}
	data, err := os.ReadFile(path)
	if err == nil {
		err = toml.Unmarshal(data, &conf)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remember what %q stands for: %w", short, err)
	}
	conf.Aliases[n.Path] = chosen.Repository()
	var out bytes.Buffer
	err = toml.NewEncoder(&out).Encode(conf)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(path, out.Bytes())
	}
	if err != nil {
		return fmt.Errorf("remember what %q stands for: %w", short, err)
	}
	return nil
}
