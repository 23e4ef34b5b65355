// Package containersconf reads containers.conf(5) for the settings that pod honours. Files that set nothing of it are not
// parsed, since they are read at the start of every command.
package containersconf

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"
)

// Settings are those that pod honours, of the table [engine] where nothing else is said.
type Settings struct {
	// Uplink, default_rootless_network_cmd of the table [network], is "pasta", "slirp4netns" or
	// "gvisor-tap-vsock", which is part of pod; empty: not set.
	Uplink string `toml:"-"`

	Runtime     string              `toml:"runtime"`      // a name or a path; empty: not set
	Runtimes    map[string][]string `toml:"runtimes"`     // where the runtime of a name may be, best first
	StopTimeout *uint               `toml:"stop_timeout"` // seconds
	DetachKeys  string              `toml:"detach_keys"`
	CDISpecDirs []string            `toml:"cdi_spec_dirs"` // where specifications of devices by name are

	// How images are transferred. Empty and nil: not set.
	CompressionFormat  string `toml:"compression_format"`
	CompressionLevel   *int   `toml:"compression_level"`
	ImageDefaultFormat string `toml:"image_default_format"` // oci, v2s2 or v2s1
	ImageParallel      uint   `toml:"image_parallel_copies"`
	ImageCopyTmpDir    string `toml:"image_copy_tmp_dir"` // a directory, or "storage"
	// ImageUnpackLimit is how much an image may unpack to, "100g"; it is pod's own key.
	ImageUnpackLimit string `toml:"image_unpack_limit"`
	PullPolicy       string `toml:"pull_policy"` // of create and run
	Retry            *uint  `toml:"retry"`
	RetryDelay       string `toml:"retry_delay"` // a duration, as "2s"
}

// words begin the names of all settings.
func words() []string {
	return []string{"runtime", "stop_timeout", "detach_keys", "default_rootless_network_cmd", "compression_", "image_", "pull_policy", "retry", "cdi_spec_dirs"}
}

// Paths are the files that Read looks at, the weakest first, as containers.conf(5) orders them: the file named by
// CONTAINERS_CONF alone, or else the vendor's, the machine's, the user's, each of the last two followed by its drop-ins;
// CONTAINERS_CONF_OVERRIDE comes last in any case. getenv is os.Getenv.
func Paths(getenv func(string) string) []string {
	paths := []string{"/usr/share/containers/containers.conf"}
	config := getenv("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(getenv("HOME"), ".config")
	}
	for _, dir := range []string{"/etc/containers", filepath.Join(config, "containers")} {
		dropIns, _ := filepath.Glob(filepath.Join(dir, "containers.conf.d", "*.conf"))
		paths = append(append(paths, filepath.Join(dir, "containers.conf")), dropIns...)
	}
	if only := getenv("CONTAINERS_CONF"); only != "" {
		paths = []string{only}
	}
	if last := getenv("CONTAINERS_CONF_OVERRIDE"); last != "" {
		paths = append(paths, last)
	}
	return paths
}

// Read puts the settings of the files together; one that does not exist sets nothing. The table [containers] goes into the
// struct that containers points to, by its toml tags; nil: it is not wanted.
func Read(paths []string, containers any) (Settings, error) {
	var all struct {
		Engine  Settings `toml:"engine"`
		Network struct {
			Uplink string `toml:"default_rootless_network_cmd"`
		} `toml:"network"`
		Containers toml.Primitive `toml:"containers"`
	}
	words := words()
	if containers != nil {
		words = append(words, "containers")
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) || err == nil && !mentions(text, words) {
			continue
		}
		if err == nil {
			// What a file does not set keeps the value of the files before it.
			var parsed toml.MetaData
			parsed, err = toml.Decode(string(text), &all)
			if err == nil && containers != nil && parsed.IsDefined("containers") {
				err = parsed.PrimitiveDecode(all.Containers, containers)
			}
		}
		if err != nil {
			return Settings{}, fmt.Errorf("read %s: %w", path, err)
		}
	}
	if all.Engine.Uplink = all.Network.Uplink; !slices.Contains([]string{"", "pasta", "slirp4netns", "gvisor-tap-vsock"}, all.Engine.Uplink) {
		return Settings{}, fmt.Errorf("read containers.conf: default_rootless_network_cmd = %q: it is pasta, slirp4netns or gvisor-tap-vsock", all.Engine.Uplink)
	}
	return all.Engine, nil
}

// mentions reports whether a line that is no comment has one of the words.
func mentions(text []byte, words []string) bool {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		for _, word := range words {
			if bytes.Contains(line, []byte(word)) {
				return true
			}
		}
	}
	return false
}

// Command gives the runtime to run for name, or for the configured one when name is empty: the first of its places that
// exists, else the name itself. It is empty when nothing is configured.
func (s Settings) Command(name string) string {
	if name == "" {
		name = s.Runtime
	}
	for _, path := range s.Runtimes[name] {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
	}
	return name
}
