package main

import (
	"context"
	"fmt"
	"os"

	"github.com/sirupsen/logrus"

	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/pod-engine/pod/pkg/image/courier"
	"github.com/pod-engine/pod/pkg/image/transfer"
)

// serve does what is asked for. What was done before an error is in the answer too.
func serve(ctx context.Context, request courier.Request, answer *courier.Answer) (err error) {
	store, err := image.Open(ctx, image.Options{Place: request.Store, Warn: func(text string) { fmt.Fprintf(os.Stderr, "pod: warning: %s\n", text) }})
	if err != nil {
		return err
	}
	if request.Progress {
		request.Pull.Progress, request.Push.Progress, request.Save.Progress = os.Stderr, os.Stderr, os.Stderr
	}
	t := transfer.Transfer{UserAgent: request.UserAgent, Patience: request.Bounds.Patience}
	if most := request.Bounds.UnpackLimit; most != nil {
		// Who names a size means it, however tightly it is packed.
		t.Limits = &layertar.Limits{Bytes: *most}
	}
	if request.Verb == courier.Pull || request.Verb == courier.Load {
		defer func() { err = store.Full(err) }() // others write elsewhere
	}
	switch request.Verb {
	case courier.Pull:
		images, err := t.Pull(ctx, store, request.Names[0], request.Pull)
		for _, img := range images {
			answer.Loaded = append(answer.Loaded, courier.Loaded{ID: img.ID, Names: img.Names})
		}
		return err
	case courier.Push:
		answer.Pushed, err = t.Push(ctx, store, request.Names[0], request.To, request.Push)
		return err
	case courier.Load:
		images, err := t.Load(ctx, store, request.Path, os.Stdin, request.Pull)
		for _, l := range images {
			answer.Loaded = append(answer.Loaded, courier.Loaded{ID: l.Image.ID, Names: l.Names})
		}
		return err
	case courier.Save:
		request.Save.Out = os.Stdout
		return t.Save(ctx, store, request.Names, request.Save)
	}
	return serveManifest(ctx, t, store, request, answer)
}

// serveManifest does what is about manifests.
func serveManifest(ctx context.Context, t transfer.Transfer, store *image.Store, request courier.Request, answer *courier.Answer) (err error) {
	switch request.Verb {
	case courier.AddToList:
		_, err = t.AddToList(ctx, store, request.List, request.Names, request.ListAdd)
		return err
	case courier.PushList:
		var pushed image.Pushed
		if pushed, err = t.PushList(ctx, store, request.List, request.To, request.Only, request.Push); err == nil {
			answer.Pushed = []image.Pushed{pushed}
		}
		return err
	case courier.Sign:
		answer.Pushed, err = t.Sign(ctx, store, request.Names[0], request.Sign)
		return err
	case courier.Manifest:
		answer.Manifest, err = t.Manifest(ctx, store, request.Names[0], request.Access)
		return err
	case courier.Look:
		answer.Looked, err = t.Look(ctx, store, request.Names[0], request.LookAt)
		return err
	case courier.Copy:
		var pushed image.Pushed
		if pushed, err = t.Copy(ctx, store, request.Names[0], request.To, request.Push); err == nil {
			answer.Pushed = []image.Pushed{pushed}
		}
		return err
	}
	return serveArtifact(ctx, t, store, request, answer)
}

// serveArtifact does what is about artifacts.
func serveArtifact(ctx context.Context, t transfer.Transfer, store *image.Store, request courier.Request, answer *courier.Answer) (err error) {
	switch request.Verb {
	case courier.PullArtifact:
		answer.Digest, err = t.PullArtifact(ctx, store, request.Names[0], request.Pull)
		return err
	case courier.PushArtifact:
		var pushed image.Pushed
		if pushed, err = t.PushArtifact(ctx, store, request.Names[0], request.To, request.Push); err == nil {
			answer.Pushed = []image.Pushed{pushed}
		}
		return err
	}
	return serveLayout(ctx, t, store, request, answer)
}

// serveLayout does what is about blobs and manifests that need not be an image's.
func serveLayout(ctx context.Context, t transfer.Transfer, store *image.Store, request courier.Request, answer *courier.Answer) (err error) {
	layout := request.Layout
	switch request.Verb {
	case courier.PushLayout:
		var pushed image.Pushed
		if pushed, err = t.PushLayout(ctx, store, layout.Path, layout.Tag, request.To, request.Push); err == nil {
			answer.Pushed = []image.Pushed{pushed}
		}
		return err
	case courier.ManifestFor:
		answer.Manifest, err = t.ManifestFor(ctx, store, request.Names[0], layout.Platform, request.Access)
		return err
	case courier.Blob:
		return t.Blob(ctx, store, request.Names[0], layout.Blob, layout.Path, request.Access)
	}
	return serveLogin(ctx, t, request, answer)
}

// serveLogin does what is about no image: credentials, and files of web servers.
func serveLogin(ctx context.Context, t transfer.Transfer, request courier.Request, answer *courier.Answer) (err error) {
	switch request.Verb {
	case courier.Fetch:
		answer.Fetched, err = fetch(ctx, request.UserAgent, request.Fetch)
		return err
	case courier.Login:
		answer.LoggedIn, err = t.Login(ctx, request.Login)
		return err
	case courier.Who:
		answer.LoggedIn, err = t.Who(request.Login)
		return err
	case courier.Search:
		logrus.SetLevel(logrus.FatalLevel) // the library logs, and gives, the same error
		answer.Found, err = t.Search(ctx, request.Names[0], request.Search)
		return err
	case courier.Logout:
		answer.LoggedIn, err = t.Logout(request.Login, request.All)
		return err
	}
	return fmt.Errorf("pod-transfer does not know %q: it is of another version than pod", request.Verb)
}
