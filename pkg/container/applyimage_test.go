package container

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func apply(t *testing.T, img ImageConfig, change func(*Config)) *Config {
	t.Helper()
	c := NewConfig()
	c.Image.Name = "img"
	if change != nil {
		change(c)
	}
	if err := c.ApplyImage(img); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestApplyImageMergesCommandAsDocker(t *testing.T) {
	img := ImageConfig{Entrypoint: []string{"/entry"}, Cmd: []string{"cmd", "arg"}}
	for name, c := range map[string]struct {
		entrypoint, args, want []string
	}{
		"nothing given":                 {nil, nil, []string{"/entry", "cmd", "arg"}},
		"arguments replace the command": {nil, []string{"x"}, []string{"/entry", "x"}},
		"entrypoint voids the command":  {[]string{"/own"}, nil, []string{"/own"}},
		"both":                          {[]string{"/own"}, []string{"x"}, []string{"/own", "x"}},
		"entrypoint cleared":            {[]string{}, []string{"x"}, []string{"x"}},
	} {
		got := apply(t, img, func(cfg *Config) { cfg.Process.Entrypoint, cfg.Process.Args = c.entrypoint, c.args })
		if !reflect.DeepEqual(got.Process.Argv(), c.want) {
			t.Errorf("%s: got %q, want %q", name, got.Process.Argv(), c.want)
		}
		if got.Process.Entrypoint == nil || got.Process.Args == nil {
			t.Errorf("%s: a nil list says that the choice is still open", name)
		}
	}
	cleared := NewConfig()
	cleared.Process.Entrypoint = []string{}
	checkInvalid(t, "entrypoint cleared, nothing given", unwrapInvalid(cleared.ApplyImage(img)), "no command to run")
	checkInvalid(t, "image without command", unwrapInvalid(NewConfig().ApplyImage(ImageConfig{})), "no command to run")
}

// unwrapInvalid gives the InvalidError below the image's name.
func unwrapInvalid(err error) error {
	var e *InvalidError
	if errors.As(err, &e) {
		return e
	}
	return err
}

func TestApplyImageMergesEnv(t *testing.T) {
	img := ImageConfig{Cmd: []string{"x"}, Env: []string{"PATH=/img", "A=1", "B=2", "NOVALUE", "GLOB*=1", "*", "=x", "SP ACE=1"}}
	for name, c := range map[string]struct {
		change func(*Config)
		want   []string
	}{
		"image":        {nil, []string{"PATH=/img", "container=pod", "A=1", "B=2"}},
		"terminal":     {func(c *Config) { c.Process.Terminal = true }, []string{"PATH=/img", "container=pod", "TERM=xterm", "A=1", "B=2"}},
		"given wins":   {func(c *Config) { c.Process.Env = []string{"A=9", "C=3"} }, []string{"PATH=/img", "container=pod", "A=9", "B=2", "C=3"}},
		"unset":        {func(c *Config) { c.Process.UnsetEnv = []string{"A", "container"} }, []string{"PATH=/img", "B=2"}},
		"unset, given": {func(c *Config) { c.Process.UnsetEnv, c.Process.Env = []string{"A"}, []string{"A=9"} }, []string{"PATH=/img", "container=pod", "B=2", "A=9"}},
		"unset all":    {func(c *Config) { c.Process.UnsetEnvAll, c.Process.Env = true, []string{"Z=1"} }, []string{"Z=1"}},
	} {
		if got := apply(t, img, c.change).Process.Env; !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	if got := apply(t, ImageConfig{Cmd: []string{"x"}}, nil).Process.Env[0]; got != defaultPath {
		t.Errorf("without an image's PATH: %q", got)
	}
}

func TestApplyImageLeavesNothingOpen(t *testing.T) {
	c := apply(t, ImageConfig{Cmd: []string{"x"}}, nil)
	for name, got := range map[string]any{
		DefaultStopSignal: c.Stop.Signal, "/": c.Process.Workdir, "no": string(c.Restart.Policy), "k8s-file": string(c.Log.Driver),
	} {
		if got != name {
			t.Errorf("got %q, want %q", got, name)
		}
	}
	if c.Stop.Timeout != 10 || c.Process.Umask != 0o22 || c.Resources.ShmSize != 64<<20 {
		t.Errorf("timeout %d, umask %o, shm %d", c.Stop.Timeout, c.Process.Umask, c.Resources.ShmSize)
	}
}

func TestApplyImageTakesTheRest(t *testing.T) {
	img := ImageConfig{
		Cmd: []string{"x"}, User: "app:9", WorkingDir: "srv/../app", StopSignal: "3",
		Labels:       map[string]string{"a": "1", "b": "2", "run.oci.handler": "x", "com.docker.compose.project": "p", "org.systemd.property.X": "y"},
		Volumes:      map[string]struct{}{"/data/": {}, "/data": {}, "/a": {}},
		ExposedPorts: map[string]struct{}{"80": {}, "53/udp": {}, "8000-8001/tcp": {}},
	}
	c := apply(t, img, func(c *Config) {
		c.Labels = map[string]string{"b": "own", "run.oci.mine": "kept"}
		c.Network.PublishAll = true
		c.Network.Ports = []Port{{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}}
		c.Network.Expose = []string{"99/tcp"}
	})
	want := []Port{
		{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"},
		{ContainerPort: 53, Count: 1, Protocol: "udp"},
		{ContainerPort: 8000, Count: 2, Protocol: "tcp"},
		{ContainerPort: 99, Count: 1, Protocol: "tcp"},
	}
	for _, pair := range [][2]any{
		{c.Process.User, "app:9"},
		{c.Process.Workdir, "/app"},
		{c.Stop.Signal, "SIGQUIT"},
		{c.Image.Volumes, []string{"/a", "/data"}},
		{c.Image.ExposedPorts, []string{"53/udp", "80/tcp", "8000-8001/tcp"}},
		{c.Network.Ports, want},
		{c.Labels, map[string]string{"a": "1", "b": "own", "run.oci.mine": "kept"}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("got %v, want %v", pair[0], pair[1])
		}
	}
	own := apply(t, img, func(c *Config) { c.Process.User, c.Process.Workdir, c.Stop.Signal = "0", "/w", "SIGINT" })
	if own.Process.User != "0" || own.Process.Workdir != "/w" || own.Stop.Signal != "SIGINT" {
		t.Errorf("the image won over what was given: %+v %+v", own.Process, own.Stop)
	}
}

func TestApplyImageRefusesHostileImages(t *testing.T) {
	big := strings.Repeat("x", 100<<10)
	many := make(map[string]struct{})
	for i := range 2000 {
		many["/"+strings.Repeat("v", i+1)] = struct{}{}
	}
	for part, img := range map[string]ImageConfig{
		"lead out of the container":  {WorkingDir: "/proc/self/fd/7"},
		"can lead out":               {WorkingDir: "proc/1/root"},
		"above 2147483647":           {User: "4294967296"},
		"not a plain number":         {User: "0x0"},
		"not a signal":               {StopSignal: "x"},
		"VOLUME \"/../../etc\"":      {Volumes: map[string]struct{}{"/../../etc": {}}},
		"VOLUME \"/proc/self\" lies": {Volumes: map[string]struct{}{"/proc/self": {}}},
		"VOLUME \"/dev/shm\" lies":   {Volumes: map[string]struct{}{"/dev/shm": {}}},
		"container's root":           {Volumes: map[string]struct{}{"/": {}}},
		"is not absolute":            {Volumes: map[string]struct{}{"x": {}}},
		"not a port":                 {ExposedPorts: map[string]struct{}{"80; rm": {}}},
		"holds a NUL":                {Env: []string{"A=\x00"}},
		"ENV is larger":              {Env: []string{"A=" + big, "B=" + big, "C=" + big, "D=" + big, "E=" + big, "F=" + big, "G=" + big, "H=" + big, "I=" + big, "J=" + big, "K=" + big}},
		"LABEL is":                   {Labels: map[string]string{"a": big + big}},
		"more than 1024":             {Volumes: many},
	} {
		c := NewConfig()
		c.Image.Name = "img"
		if img.Cmd == nil {
			img.Cmd = []string{"x"}
		}
		err := c.ApplyImage(img)
		checkInvalid(t, part, unwrapInvalid(err), strings.SplitN(part, " lies", 2)[0])
		if err != nil && !strings.HasPrefix(err.Error(), `image "img": `) {
			t.Errorf("%q does not name the image", err)
		}
	}
}
