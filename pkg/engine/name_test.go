package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
)

// TestMain also is one of the processes that want the same name.
func TestMain(m *testing.M) {
	if dir := os.Getenv("ENGINE_TEST_RESERVE"); dir != "" {
		os.Exit(reserveElsewhere(dir))
	}
	os.Exit(m.Run())
}

func reserveElsewhere(dir string) int {
	e := &Engine{Options: Options{DataDir: dir + "/data", RunDir: dir + "/run"}}
	id := newID()
	if err := os.Mkdir(e.creatingDir(id), 0o700); err != nil {
		fmt.Println(err)
		return 1
	}
	switch err := e.reserveName(context.Background(), "web", id, false); {
	case err == nil:
		fmt.Print("won " + id)
	case !errors.Is(err, ErrInUse):
		fmt.Println(err)
		return 1
	}
	return 0
}

func TestOneOfManyGetsTheName(t *testing.T) {
	e := testEngine(t)
	var won atomic.Int32
	var winner atomic.Value
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			id := newID()
			if err := os.Mkdir(e.creatingDir(id), 0o700); err != nil {
				t.Error(err)
				return
			}
			err := e.reserveName(t.Context(), "web", id, true)
			switch {
			case err == nil:
				won.Add(1)
				winner.Store(id)
			case !errors.Is(err, ErrInUse):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 || e.nameOwner("web") != winner.Load() {
		t.Errorf("%d won; %v, and the name belongs to %q", won.Load(), winner.Load(), e.nameOwner("web"))
	}
}

func TestOneOfManyProcessesGetsTheName(t *testing.T) {
	e := testEngine(t)
	dir := strings.TrimSuffix(e.DataDir, "/data")
	var mutex sync.Mutex
	var winners []string
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = []string{"ENGINE_TEST_RESERVE=" + dir}
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
			if id, ok := strings.CutPrefix(string(out), "won "); ok {
				mutex.Lock()
				winners = append(winners, id)
				mutex.Unlock()
			}
		})
	}
	all.Wait()
	if len(winners) != 1 || winners[0] != e.nameOwner("web") {
		t.Errorf("winners %q; the name belongs to %q", winners, e.nameOwner("web"))
	}
}

// The name of a container that is being made must not look free while its directory moves to its final place.
func TestNameIsHeldWhileACreationIsPutInPlace(t *testing.T) {
	e := testEngine(t)
	ids := make([]string, 300)
	for i := range ids {
		ids[i] = newID()
		if err := os.Mkdir(e.creatingDir(ids[i]), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, id := range ids {
		moved := make(chan error, 1)
		go func() { moved <- os.Rename(e.creatingDir(id), e.Dir(id)) }()
		for range 20 {
			if !e.owns(id) {
				t.Fatal("for a moment nobody held the name")
			}
		}
		if err := <-moved; err != nil {
			t.Fatal(err)
		}
	}
}

func TestNames(t *testing.T) {
	e := testEngine(t)
	web := testContainer(t, e, "web", nil)
	t.Run("stale", func(t *testing.T) {
		write(t, e.namePath("stale"), newID())
		if err := e.CheckFree("stale"); err != nil {
			t.Errorf("a name of nobody: %v", err)
		}
		if err := e.reserveName(t.Context(), "stale", web.ID, true); err != nil {
			t.Error(err)
		}
	})
	t.Run("garbage", func(t *testing.T) {
		write(t, e.namePath("garbage"), "../../etc")
		if err := e.CheckFree("garbage"); err != nil {
			t.Error(err)
		}
	})
	t.Run("in use", func(t *testing.T) {
		if err := e.CheckFree("web"); !errors.Is(err, ErrInUse) {
			t.Errorf("got %v", err)
		}
		if err := e.reserveName(t.Context(), "web", web.ID, true); err != nil {
			t.Errorf("for its owner: %v", err)
		}
	})
	t.Run("released by another", func(t *testing.T) {
		if err := e.releaseName(t.Context(), "web", newID()); err != nil || e.nameOwner("web") != web.ID {
			t.Errorf("%v; the name belongs to %q", err, e.nameOwner("web"))
		}
	})
	t.Run("released twice", func(t *testing.T) {
		for range 2 {
			if err := e.releaseName(t.Context(), "stale", web.ID); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestFind(t *testing.T) {
	e := testEngine(t)
	with := func(id string) func(*container.Config) {
		return func(cfg *container.Config) { cfg.ID = id }
	}
	one, two := "aa11"+strings.Repeat("0", 60), "aa22"+strings.Repeat("0", 60)
	testContainer(t, e, "first", with(one))
	testContainer(t, e, "second", with(two))
	testContainer(t, e, "aa11", nil) // called like the beginning of another's id
	tests := []struct {
		word, name string
		err        error
	}{
		{"first", "first", nil},
		{"/first", "first", nil},
		{"aa11", "aa11", nil},
		{"aa110", "first", nil},
		{one, "first", nil},
		{"aa2", "second", nil},
		{"aa", "", ErrAmbiguous},
		{"AA2", "", ErrNotFound},
		{"firs", "", ErrNotFound},
		{"", "", ErrNotFound},
		{"/", "", ErrNotFound},
		{".", "", ErrNotFound},
		{"..", "", ErrNotFound},
		{"../containers", "", ErrNotFound},
		{"a\x00b", "", ErrNotFound},
		{one + "0", "", ErrNotFound},
		{strings.Repeat("f", 64), "", ErrNotFound},
	}
	for _, tt := range tests {
		c, err := e.Find(t.Context(), tt.word)
		if !errors.Is(err, tt.err) || err == nil && c.Config.Name != tt.name {
			t.Errorf("Find(%q) = %v, %v", tt.word, c.Config, err)
		}
	}
}

func TestRename(t *testing.T) {
	e := testEngine(t)
	web := testContainer(t, e, "web", nil)
	testContainer(t, e, "taken", nil)
	if err := e.Rename(t.Context(), web.ID, "taken"); !errors.Is(err, ErrInUse) {
		t.Errorf("to a name in use: %v", err)
	}
	for _, name := range []string{"shop", "shop", "web"} {
		if err := e.Rename(t.Context(), web.ID, name); err != nil {
			t.Fatal(err)
		}
		if c, err := e.Find(t.Context(), name); err != nil || c.Config.ID != web.ID || c.Config.Name != name {
			t.Errorf("after the rename to %q: %+v, %v", name, c.Config, err)
		}
	}
	if err := e.CheckFree("shop"); err != nil {
		t.Errorf("the name it had: %v", err)
	}
	if err := e.Rename(t.Context(), newID(), "x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

// A rename that died before the new name was there leaves nothing that outlives the container.
func TestUnfinishedRenameGoesWithItsContainer(t *testing.T) {
	e := testEngine(t)
	web := testContainer(t, e, "web", nil)
	write(t, e.reservationPath(web.ID), web.ID)
	if err := e.Remove(t.Context(), web.ID, RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
	if exists(e.reservationPath(web.ID)) || exists(e.namePath("web")) {
		t.Error("something is left in names/")
	}
}

// While containers go, a reader sees each as it is or not at all: never a half of it.
func TestListDuringRemovals(t *testing.T) {
	e := testEngine(t)
	var ids []string
	for i := range 100 {
		cfg := testContainer(t, e, fmt.Sprintf("c%d", i), nil)
		writeState(t, e, cfg.ID, record{Serial: 1})
		writeExit(t, e.Dir(cfg.ID)+"/"+exitFile, 1, 3)
		ids = append(ids, cfg.ID)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, id := range ids {
			if err := e.Remove(t.Context(), id, RemoveOptions{}); err != nil {
				t.Error(err)
			}
		}
	}()
	for {
		list, err := e.List(t.Context())
		if err != nil {
			t.Error(err)
		}
		for _, c := range list {
			if c.State.Status != container.StatusExited || c.State.ExitCode != 3 {
				t.Errorf("seen as %+v", c.State)
			}
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
