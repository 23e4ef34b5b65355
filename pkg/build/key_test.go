package build

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
)

// aRun is a RUN in which everything is set, so that a change of anything is one.
func aRun() plan.Run {
	stage, number := 1, uint64(1)
	return plan.Run{
		Args: []string{"make"}, Env: []string{"A=1"}, Proxy: []string{"http_proxy=a"}, Workdir: "/w", User: "u", Network: "none", Insecure: true,
		Mounts: []plan.Mount{{
			Type: plan.MountBind, From: &plan.Source{Stage: &stage}, Source: "/s", Target: "/t", ReadOnly: true, ID: "i", Sharing: "shared",
			Required: true, Env: "E", Size: 1, Mode: &number, UID: &number, GID: &number,
		}},
		Devices: []plan.Device{{Name: "d/d=d", Required: true}}, Script: &plan.File{Path: "p", Data: "d"},
	}
}

// change gives each leaf of a value another value, one after the other, and calls seen with its path in between.
func change(v reflect.Value, path string, seen func(path string)) {
	switch v.Kind() {
	case reflect.Pointer:
		change(v.Elem(), path, seen)
	case reflect.Struct:
		for i := range v.NumField() {
			change(v.Field(i), path+"."+v.Type().Field(i).Name, seen)
		}
	case reflect.Slice:
		for i := range v.Len() {
			change(v.Index(i), path, seen)
		}
	default:
		old := reflect.ValueOf(v.Interface())
		switch v.Kind() {
		case reflect.String:
			v.SetString(v.String() + "x")
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Int, reflect.Int64:
			v.SetInt(v.Int() + 1)
		case reflect.Uint64:
			v.SetUint(v.Uint() + 1)
		default:
			panic(path)
		}
		seen(path)
		v.Set(old)
	}
}

// TestRunKeys changes every field of a RUN: the key is another, but for how the network is reached and for what the source of a mount is called, whose files
// are in the contents.
func TestRunKeys(t *testing.T) {
	flags := container.NewConfig()
	run := aRun()
	key := runKey("top", run, flags, []string{"tree x"})
	if again := runKey("top", aRun(), container.NewConfig(), []string{"tree x"}); again != key {
		t.Fatal("the same has two keys")
	}
	var same []string
	change(reflect.ValueOf(&run), "Run", func(path string) {
		if runKey("top", run, flags, []string{"tree x"}) == key {
			same = append(same, path)
		}
	})
	if want := []string{"Run.Proxy", "Run.Mounts.From.Stage", "Run.Mounts.From.Image", "Run.Mounts.From.Context"}; !slices.Equal(same, want) {
		t.Errorf("%q make no difference, want %q", same, want)
	}
	for name, other := range map[string]string{
		"the layer below":  runKey("other", run, flags, []string{"tree x"}),
		"what is mounted":  runKey("top", run, flags, []string{"tree y"}),
		"how much of that": runKey("top", run, flags, []string{"tree x", "y"}),
		"its borders":      runKey("top", run, flags, []string{"tree ", "x"}),
	} {
		if other == key {
			t.Errorf("%s makes no difference", name)
		}
	}
}

// TestRunKeysOfFlags wants flags that can change the result in the key, and limits of how fast it is there not.
func TestRunKeysOfFlags(t *testing.T) {
	with := func(set func(*container.Config)) string {
		cfg := container.NewConfig()
		set(cfg)
		return runKey("top", plan.Run{}, cfg, nil)
	}
	usual := with(func(*container.Config) {})
	for name, c := range map[string]struct {
		set  func(*container.Config)
		same bool
	}{
		"--volume": {func(c *container.Config) {
			c.Mounts = append(c.Mounts, container.Mount{Source: "/a", Destination: "/b"})
		}, false},
		"--device":        {func(c *container.Config) { c.Devices = append(c.Devices, container.Device{CDI: "a/b=c"}) }, false},
		"--network":       {func(c *container.Config) { c.Network.Mode = "none" }, false},
		"--add-host":      {func(c *container.Config) { c.Network.AddHosts = []string{"a:1.2.3.4"} }, false},
		"--dns":           {func(c *container.Config) { c.Network.DNS = []string{"1.2.3.4"} }, false},
		"--ulimit":        {func(c *container.Config) { c.Process.Ulimits = []container.Ulimit{{Name: "nofile", Soft: 1, Hard: 1}} }, false},
		"--group-add":     {func(c *container.Config) { c.Process.Groups = []string{"1"} }, false},
		"--cap-add":       {func(c *container.Config) { c.Security.CapAdd = []string{"CAP_SYS_ADMIN"} }, false},
		"--security-opt":  {func(c *container.Config) { c.Security.Seccomp = "unconfined" }, false},
		"--uts":           {func(c *container.Config) { c.Namespace.UTS = "host" }, false},
		"--shm-size":      {func(c *container.Config) { c.Resources.ShmSize = 1 << 20 }, false},
		"--memory":        {func(c *container.Config) { c.Resources.Memory = 1 << 30 }, true},
		"--cpu-shares":    {func(c *container.Config) { c.Resources.CPUShares = 2 }, true},
		"--cgroup-parent": {func(c *container.Config) { c.Resources.CgroupParent = "p" }, true},
	} {
		if same := with(c.set) == usual; same != c.same {
			t.Errorf("%s: the same key: %t, want %t", name, same, c.same)
		}
	}
}

// TestCopyKeys changes every field of a COPY: the key is another, but for which source it is of, whose files are in the content.
func TestCopyKeys(t *testing.T) {
	stage, unpack := 1, true
	c := plan.Copy{
		Add: true, From: plan.Source{Stage: &stage, Image: "i", Context: "c"}, Paths: []string{"p"}, URLs: []string{"u"}, Files: []plan.File{{Path: "f", Data: "d"}},
		Dest: "/d", Chown: "1", Chmod: "700", Link: true, Parents: true, Exclude: []string{"e"}, Unpack: &unpack, Checksum: "sum", KeepGitDir: true,
	}
	key := copyKey("top", c, "content")
	var same []string
	change(reflect.ValueOf(&c), "Copy", func(path string) {
		if copyKey("top", c, "content") == key {
			same = append(same, path)
		}
	})
	if want := []string{"Copy.From.Stage", "Copy.From.Image", "Copy.From.Context"}; !slices.Equal(same, want) {
		t.Errorf("%q make no difference, want %q", same, want)
	}
	if copyKey("other", c, "content") == key || copyKey("top", c, "other") == key {
		t.Error("the layer below, or the content, makes no difference")
	}
}

// TestMkdirKeys is the same of a WORKDIR.
func TestMkdirKeys(t *testing.T) {
	m := plan.Mkdir{Path: "/w", User: "u"}
	key := mkdirKey("top", m)
	change(reflect.ValueOf(&m), "Mkdir", func(path string) {
		if mkdirKey("top", m) == key {
			t.Errorf("%s makes no difference", path)
		}
	})
	if mkdirKey("other", m) == key {
		t.Error("the layer below makes no difference")
	}
}

// TestImageKeys says what makes another image of the same layers.
func TestImageKeys(t *testing.T) {
	epoch := time.Unix(0, 0)
	key := func(job Job, config plan.Config) string { return imageKey(&job, plan.Platform{}, "top", config) }
	usual := key(Job{}, plan.Config{})
	named := plan.Config{}
	named.Author = "a"
	for name, c := range map[string]struct {
		job    Job
		config plan.Config
		same   bool
	}{
		"its configuration":         {Job{}, named, false},
		"annotations":               {Job{Annotations: Annotations{{}: {"a": "b"}}}, plan.Config{}, false},
		"annotations for another":   {Job{Annotations: Annotations{plan.Platform{OS: "other"}: {"a": "b"}}}, plan.Config{}, true},
		"an epoch":                  {Job{Epoch: &epoch}, plan.Config{}, false},
		"docker's format":           {Job{Docker: true}, plan.Config{}, false},
		"an inline cache":           {Job{InlineCache: true}, plan.Config{}, false},
		"no history":                {Job{OmitHistory: true}, plan.Config{}, false},
		"its names":                 {Job{Names: []string{"a"}}, plan.Config{}, true},
		"annotations of its list":   {Job{ListAnnotations: map[string]string{"a": "b"}}, plan.Config{}, true},
		"whether anything is found": {Job{NoCache: true}, plan.Config{}, true},
	} {
		if same := key(c.job, c.config) == usual; same != c.same {
			t.Errorf("%s: the same key: %t, want %t", name, same, c.same)
		}
	}
}
