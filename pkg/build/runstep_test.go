package build

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
)

// fullDisk is a display that cannot write any more.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestOutputGoesOn writes more than a pipe holds while nothing can be shown: a step does not wait, and is not ended.
func TestOutputGoesOn(t *testing.T) {
	end, wait, err := output(fullDisk{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = end.WriteString(strings.Repeat("x", 1<<20))
	if err := errors.Join(err, end.Close()); err != nil {
		t.Error(err)
	}
	wait()
}

// TestRunsShareNothing wants what one RUN adds to its configuration to be its own.
func TestRunsShareNothing(t *testing.T) {
	job := &Job{Run: container.NewConfig()}
	job.Run.Mounts = append(make([]container.Mount, 0, 4), container.Mount{Type: container.MountTmpfs, Destination: "/all"})
	job.Run.Devices = make([]container.Device, 0, 4)
	s := &solve{job: job}
	var cfgs []*container.Config
	for _, name := range []string{"/one", "/two"} {
		cfg, err := s.config(plan.Run{Args: []string{"true"}, Workdir: "/"}, []string{"vendor.com/class=" + name[1:]})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Mounts = append(cfg.Mounts, container.Mount{Type: container.MountTmpfs, Destination: name})
		cfgs = append(cfgs, cfg)
	}
	for i, name := range []string{"one", "two"} {
		if got := cfgs[i].Mounts[1].Destination + " " + cfgs[i].Devices[0].CDI; got != "/"+name+" vendor.com/class="+name {
			t.Errorf("the first has %s", got)
		}
	}
}

// TestInsecureNeedsLeave refuses a RUN before anything is looked for, whatever the cache has.
func TestInsecureNeedsLeave(t *testing.T) {
	s := &solve{job: &Job{Run: container.NewConfig()}}
	_, err := s.prepareRun(t.Context(), plan.Stage{}, plan.Run{Args: []string{"true"}, Workdir: "/", Insecure: true}, made{})
	if err == nil || hint.Of(err) != "--allow security.insecure" {
		t.Errorf("it is %v", err)
	}
	s.job.AllowInsecure = true
	if _, err := s.prepareRun(t.Context(), plan.Stage{}, plan.Run{Args: []string{"true"}, Workdir: "/", Insecure: true}, made{}); err != nil {
		t.Error(err)
	}
}

// TestMountsAreGivenBack refuses a RUN of which a mount cannot be found after others were.
func TestMountsAreGivenBack(t *testing.T) {
	tree, err := openContext(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Root.Close()
	s := &solve{job: &Job{Run: container.NewConfig(), Context: &Context{Tree: tree}}}
	from := &plan.Source{Context: plan.MainContext}
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before := open()
	for range 10 {
		_, err := s.prepareRun(t.Context(), plan.Stage{}, plan.Run{Args: []string{"true"}, Workdir: "/", Mounts: []plan.Mount{
			{Type: plan.MountBind, From: from, Source: "/", Target: "/a"}, {Type: plan.MountBind, From: from, Source: "/none", Target: "/b"},
		}}, made{})
		if err == nil {
			t.Fatal("it is not refused")
		}
	}
	if after := open(); after > before+2 {
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}
