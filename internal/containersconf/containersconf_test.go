package containersconf

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write makes the files in a directory of their own.
func write(t testing.TB, files map[string]string) string {
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestPaths(t *testing.T) {
	dir := write(t, map[string]string{"containers/containers.conf.d/10.conf": "", "containers/containers.conf.d/x.bak": ""})
	get := func(env map[string]string) string {
		var own []string
		for _, path := range Paths(func(name string) string { return env[name] }) {
			if !strings.HasPrefix(path, "/etc/containers/containers.conf.d/") {
				own = append(own, strings.Replace(path, dir, "D", 1))
			}
		}
		return strings.Join(own, " ")
	}
	const system = "/usr/share/containers/containers.conf /etc/containers/containers.conf "
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{"HOME": "/h"}, system + "/h/.config/containers/containers.conf"},
		{map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": dir}, system + "D/containers/containers.conf D/containers/containers.conf.d/10.conf"},
		{map[string]string{"HOME": "/h", "CONTAINERS_CONF": "/c"}, "/c"},
		{map[string]string{"CONTAINERS_CONF": "/c", "CONTAINERS_CONF_OVERRIDE": "/o"}, "/c /o"},
	} {
		if got := get(c.env); got != c.want {
			t.Errorf("%v: got %s, want %s", c.env, got, c.want)
		}
	}
}

func TestRead(t *testing.T) {
	dir := write(t, map[string]string{
		"vendor": "[containers]\nlog_driver = \"journald\"\n[engine]\n#runtime = \"commented\"\n",
		"first":  "[engine]\nruntime = \"runc\"\n[engine.runtimes]\nmine = [\"/nowhere/mine\", \"D/bin\"]\n",
		"second": "[engine]\nruntime = \"mine\"\n",
		"bad":    "[engine]\nruntime = 5\n",
		"broken": "[[ not toml, but it does not matter here\n",
		"slirp":  "[network]\ndefault_rootless_network_cmd = \"slirp4netns\"\n",
		"uplink": "[network]\ndefault_rootless_network_cmd = \"vpnkit\"\n",
		"bin":    "",
	})
	first := filepath.Join(dir, "first")
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first, []byte(strings.Replace(string(text), "D/", dir+"/", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ files, name, command, uplink, err string }{
		{files: ""},
		{files: "missing vendor broken"},
		{files: "vendor", name: "crun", command: "crun"},
		{files: "first", command: "runc"},
		{files: "first second", command: dir + "/bin"},
		{files: "first", name: "mine", command: dir + "/bin"},
		{files: "second", command: "mine"},
		{files: "slirp first", command: "runc", uplink: "slirp4netns"},
		{files: "uplink", err: "read containers.conf: default_rootless_network_cmd"},
		{files: "bad", err: "read " + dir + "/bad: "},
	} {
		var paths []string
		for _, name := range strings.Fields(c.files) {
			paths = append(paths, filepath.Join(dir, name))
		}
		s, err := Read(paths, nil)
		if c.err != "" {
			if err == nil || !strings.HasPrefix(err.Error(), c.err) {
				t.Errorf("%s: got %v, want %s", c.files, err, c.err)
			}
			continue
		}
		if got := s.Command(c.name); err != nil || got != c.command || s.Uplink != c.uplink {
			t.Errorf("%s, %q: got %q, %v; want %q", c.files, c.name, got, err, c.command)
		}
	}
}

func TestReadContainers(t *testing.T) {
	dir := write(t, map[string]string{
		"first":  "[containers]\ntz = \"local\"\nenv = [\"A=1\"]\nunknown = 5\n[engine]\nstop_timeout = 3\ndetach_keys = \"ctrl-x\"\n",
		"second": "[containers]\nenv = [\"B=2\"]\n[network]\nx = 1\n",
		"none":   "[engine]\nruntime = \"crun\"\n",
		"bad":    "[containers]\ntz = 5\n",
	})
	var got struct {
		TZ  string   `toml:"tz"`
		Env []string `toml:"env"`
	}
	paths := []string{dir + "/first", dir + "/second", dir + "/none"}
	s, err := Read(paths, &got)
	if err != nil || got.TZ != "local" || len(got.Env) != 1 || got.Env[0] != "B=2" {
		t.Errorf("read %+v, %v", got, err)
	}
	if s.StopTimeout == nil || *s.StopTimeout != 3 || s.DetachKeys != "ctrl-x" {
		t.Errorf("read %+v", s)
	}
	if _, err := Read([]string{dir + "/bad"}, &got); err == nil || !strings.HasPrefix(err.Error(), "read "+dir+"/bad: ") {
		t.Errorf("a value of the wrong type gives %v", err)
	}
}

// The file of the distribution is almost all comments: it must cost next to nothing.
func BenchmarkReadComments(b *testing.B) {
	text := strings.Repeat("# runtime = \"crun\" and more words of a comment that explains it\n", 800) + "[engine]\n"
	path := filepath.Join(write(b, map[string]string{"conf": text}), "conf")
	for b.Loop() {
		if _, err := Read([]string{path}, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadRuntime(b *testing.B) {
	path := filepath.Join(write(b, map[string]string{"conf": "[engine]\nruntime = \"runc\"\n"}), "conf")
	for b.Loop() {
		if _, err := Read([]string{path}, nil); err != nil {
			b.Fatal(err)
		}
	}
}
