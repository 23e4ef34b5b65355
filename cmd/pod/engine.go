package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/sirupsen/logrus"

	"github.com/pod-engine/pod/internal/carried"
	"github.com/pod-engine/pod/internal/cgroup"
	"github.com/pod-engine/pod/internal/containersconf"
	"github.com/pod-engine/pod/internal/librarylog"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/engine"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/courier"
	"github.com/pod-engine/pod/pkg/netns/helper"
	"github.com/pod-engine/pod/pkg/rootless"
)

// engine enters the user's namespaces if that has not happened yet and opens the engine. In the first command on a machine the
// whole program is started again inside the namespaces.
func (a *app) engine(ctx context.Context) (*engine.Engine, error) {
	if a.opened != nil {
		return a.opened, nil
	}
	user, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	facts, err := cgroup.ReadFacts(user.RuntimeDir, user.Rootless, user.UID)
	if err != nil {
		return nil, err
	}
	setup, err := cgroup.Detect(facts)
	if err != nil {
		return nil, err
	}
	settings, err := containersconf.Read(containersconf.Paths(os.Getenv), nil)
	if err != nil {
		return nil, err
	}
	runtime, err := engine.FindRuntime(settings.Command(a.global.runtime), a.global.runtimeFlags, setup) // of --runtime first
	if err != nil {
		return nil, err
	}
	cdiDirs := settings.CDISpecDirs
	if len(a.global.cdiDirs) > 0 {
		cdiDirs = a.global.cdiDirs
	}
	executable, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program's own file: %w", err)
	}
	a.opened, err = engine.Open(ctx, engine.Options{
		DataDir: user.DataDir, RunDir: user.RunDir, User: user, Runtime: runtime, Cgroup: setup,
		CDIDirs: cdiDirs, Network: a.network(user, settings.Uplink), Images: a.images, Executable: executable, GlobalArgs: a.global.args(), Warn: a.warn, Log: a.logger(),
	})
	return a.opened, err
}

// network speaks with the network helper.
func (a *app) network(user rootless.Info, uplink string) helper.Client {
	return helper.Client{
		Driver: uplink,
		Dir:    filepath.Join(user.RunDir, "network"), Networks: filepath.Join(user.DataDir, "networks"), Rootless: user.Rootless,
		Program: func(ctx context.Context) (string, error) { return carried.Path(ctx, "pod-network", user.DataDir) },
		Uplink:  func(ctx context.Context) (string, error) { return carried.Path(ctx, "pod-uplink", user.DataDir) },
		Env:     helperEnv(user),
	}
}

// helperEnv is what the network helper is told of the caller's environment.
func helperEnv(user rootless.Info) []string {
	env := rootless.ChildEnv(user)
	for _, name := range []string{"PATH", "POD_FAILPOINT", "POD_FAILPOINT_TRACE"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// enter gives the program's place inside the user's namespaces.
func (a *app) enter(ctx context.Context) (rootless.Info, error) {
	if a.user != nil {
		return *a.user, nil
	}
	user, err := enter(ctx, a)
	if err != nil {
		return rootless.Info{}, err
	}
	if a.global.root != "" {
		user.DataDir = a.global.root + "/pod"
	}
	if a.global.runRoot != "" {
		user.RunDir = a.global.runRoot + "/pod"
	}
	a.user = &user
	return user, nil
}

// images opens the image store.
func (a *app) images(ctx context.Context) (*image.Store, error) {
	if a.store != nil {
		return a.store, nil
	}
	user, err := a.enter(ctx)
	if err != nil {
		return nil, err
	}
	// The storage library writes its messages through logrus, from "info" up unless told otherwise.
	level, err := logrus.ParseLevel(a.global.logLevel)
	if err != nil {
		return nil, usageError{fmt.Errorf("--log-level %q: use trace, debug, info, warn, error, fatal or panic", a.global.logLevel)}
	}
	logrus.SetLevel(level)
	logrus.SetFormatter(librarylog.Format{Name: a.name})
	a.store, err = image.Open(ctx, image.Options{
		Place: image.Place{
			GraphRoot: a.global.root, RunRoot: a.global.runRoot,
			Driver: a.global.storageDriver, DriverOptions: a.global.storageOptions, SingleID: user.SingleID,
		},
		InUse: a.imageUsers, Mounted: a.imageMounted, Unheld: a.forgetHold, RemoveContainers: a.removeImageUsers, Puller: a.courier(), Warn: a.warn,
		Kept: func(context.Context) (map[string]bool, error) { return build.CachedLayers(user.DataDir + "/build") },
	})
	return a.store, err
}

// courier brings images in and out of the store.
func (a *app) courier() courier.Courier {
	return courier.Courier{UserAgent: userAgent(), Bounds: bounds, Program: func(ctx context.Context) (string, error) {
		user, err := a.enter(ctx)
		if err != nil {
			return "", err
		}
		return carried.Path(ctx, "pod-transfer", user.DataDir)
	}}
}

// imageUsers names the containers made from an image, for messages.
func (a *app) imageUsers(ctx context.Context, imageID string) ([]string, error) {
	e, err := a.engine(ctx)
	if err != nil {
		return nil, err
	}
	return e.ImageUsers(imageID)
}

// imageMounted says where an image is mounted, if it is.
func (a *app) imageMounted(ctx context.Context, imageID string) (string, error) {
	e, err := a.engine(ctx)
	if err != nil {
		return "", err
	}
	mounts, err := e.MountedImages()
	for _, m := range mounts {
		if m.ID == imageID {
			return m.Path, nil
		}
	}
	return "", err
}

func (a *app) forgetHold(ctx context.Context, imageID string) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	return e.ForgetHold(imageID)
}

func (a *app) removeImageUsers(ctx context.Context, imageID string) error {
	e, err := a.engine(ctx)
	if err != nil {
		return err
	}
	ids, err := e.ImageUsers(imageID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := e.Remove(ctx, id, engine.RemoveOptions{Force: true}); err != nil {
			return err
		}
	}
	return nil
}

// logger writes what --log-level asks for to stderr.
func (a *app) logger() *slog.Logger {
	var level slog.Level
	name := a.global.logLevel
	if a.global.debug {
		name = "debug"
	}
	switch name {
	case "trace", "debug":
		level = slog.LevelDebug
	case "info":
		level = slog.LevelInfo
	case "error", "fatal", "panic":
		level = slog.LevelError
	default:
		level = slog.LevelWarn
	}
	var w io.Writer = a.Err
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level}))
}
