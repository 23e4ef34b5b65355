package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pod-engine/pod/internal/containersconf"
)

// proxiesOf are the variables among environ by which programs are told of proxies.
func proxiesOf(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, value, _ := strings.Cut(entry, "=")
		return value == "" || !slices.Contains([]string{"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY"}, strings.ToUpper(name))
	})
}

// configuredProxies are those that a person has written down for containers: the caller's where http_proxy of containers.conf says so, and
// those of docker's config.json (docs.docker.com/engine/cli/proxy).
func (a *app) configuredProxies() ([]string, error) {
	var conf struct {
		HTTPProxy bool `toml:"http_proxy"`
	}
	if _, err := containersconf.Read(containersconf.Paths(os.Getenv), &conf); err != nil {
		return nil, err
	}
	var out []string
	if conf.HTTPProxy {
		out = proxiesOf(os.Environ())
	}
	docker, err := dockerProxies(dockerConfigDir())
	if err != nil {
		a.warn(fmt.Sprintf("the proxies of docker are not used: %s", err))
	}
	return append(out, docker...), nil
}

func dockerConfigDir() string {
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(os.Getenv("HOME"), ".docker")
}

// dockerProxies reads config.json in dir. The key "default" is for every daemon that has none of its own, and here there is none.
func dockerProxies(dir string) ([]string, error) {
	path := filepath.Join(dir, "config.json")
	text, err := readSmallFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		Proxies map[string]map[string]string `json:"proxies"`
	}
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var out []string
	for _, key := range []string{"httpProxy", "httpsProxy", "ftpProxy", "noProxy", "allProxy"} {
		if value := config.Proxies["default"][key]; value != "" {
			name := strings.ToUpper(strings.TrimSuffix(key, "Proxy")) + "_PROXY"
			out = append(out, name+"="+value, strings.ToLower(name)+"="+value)
		}
	}
	return out, nil
}
