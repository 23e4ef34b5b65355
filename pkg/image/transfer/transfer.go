// Package transfer brings images into a store and out of it: pull from registries, load and save archives.
//
// It follows the configuration that podman, buildah and skopeo share: registries.conf(5) (mirrors, insecure registries),
// certs.d, policy.json(5), auth.json(5) and docker's config.json with their credential helpers. Without any policy.json everything is
// accepted, as the policy that podman is packaged with says; to demand signatures, write one.
//
// An image appears in the store when all of it is there; until then its name means what it meant before.
//
// The library behind it adds about 4.5 ms and 18 MB to a program, which is why it is a package of its own.
package transfer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/layertar"
	"github.com/pod-engine/pod/pkg/image"
	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/signature"
	storageref "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	drivers "go.podman.io/storage/drivers"
	"go.podman.io/storage/pkg/configfile"
)

// grace is how long a copy that was asked to end may take over it before it is abandoned.
const grace = 700 * time.Millisecond

// Transfer moves images. Its methods may be called from several goroutines.
type Transfer struct {
	// UserAgent is what registries are told.
	UserAgent string
	// Patience is how long a registry may be silent before it is given up; zero: a minute.
	Patience time.Duration
	// Limits are those of what an image may unpack to; nil: the default ones.
	Limits *layertar.Limits
}

// job is one transfer: its configuration and its workspace.
type job struct {
	store  *image.Store
	access image.Access
	sys    *types.SystemContext
	policy *signature.PolicyContext
	tell   *progress
	gate   *gate
	work   *workspace
	pins   []*image.Pin

	decryptionKeys []string // for what comes from an archive

	patience time.Duration
	limits   layertar.Limits
}

func (t Transfer) begin(s *image.Store, access image.Access, platform image.Platform) (*job, error) {
	sys, err := t.systemContext(access)
	if err != nil {
		return nil, err
	}
	policy, err := trust(sys)
	if err != nil {
		return nil, err
	}
	if _, err := s.Library(); err != nil {
		return nil, err
	}
	work, err := newWorkspace(s, access.TmpDir)
	if err != nil {
		return nil, err
	}
	sys.OSChoice, sys.ArchitectureChoice, sys.VariantChoice = platform.OS, platform.Arch, platform.Variant
	sys.BigFilesTemporaryDir = work.dir
	j := &job{store: s, access: access, sys: sys, policy: policy, work: work, tell: &progress{out: access.Progress, terminal: access.Terminal}, gate: newGate(sys)}
	j.patience, j.limits = cmp.Or(t.Patience, defaultPatience), layertar.Default()
	if t.Limits != nil {
		j.limits = *t.Limits
	}
	return j, nil
}

func (j *job) end() error {
	var errs []error
	for _, p := range j.pins {
		errs = append(errs, p.Release())
	}
	return errors.Join(append(errs, j.policy.Destroy(), j.work.remove())...)
}

// hold keeps an image from being removed until the job ends.
func (j *job) hold(ctx context.Context, img *image.Image, purpose string) error {
	pin, err := j.store.Pin(ctx, img.ID, purpose)
	if err == nil {
		j.pins = append(j.pins, pin)
	}
	return err
}

// systemContext is the library's form of how registries are spoken to.
func (t Transfer) systemContext(access image.Access) (*types.SystemContext, error) {
	sys := &types.SystemContext{AuthFilePath: authFile(access.AuthFile), DockerRegistryUserAgent: t.UserAgent}
	if access.AuthFile != "" {
		if _, err := os.Stat(access.AuthFile); err != nil {
			return nil, fmt.Errorf("read credentials: %w", err)
		}
	}
	if access.CertDir != "" {
		if _, err := os.Stat(access.CertDir); err != nil {
			return nil, fmt.Errorf("read certificates: %w", err)
		}
		sys.DockerCertPath = access.CertDir
	}
	if access.TLSVerify != nil {
		sys.DockerInsecureSkipTLSVerify = types.NewOptionalBool(!*access.TLSVerify)
		sys.OCIInsecureSkipTLSVerify = !*access.TLSVerify
	}
	if access.Creds != "" {
		user, password, ok := strings.Cut(access.Creds, ":")
		if !ok || user == "" {
			return nil, errors.New("credentials are given as USER:PASSWORD")
		}
		sys.DockerAuthConfig = &types.DockerAuthConfig{Username: user, Password: password}
	}
	return sys, nil
}

// authFile is the file with credentials that the user names by flag or variable; empty: the usual places.
func authFile(flag string) string { return cmp.Or(flag, os.Getenv("REGISTRY_AUTH_FILE")) }

// trust gives the signature policy: the user's, the machine's, or to accept everything when there is none.
func trust(sys *types.SystemContext) (*signature.PolicyContext, error) {
	policy, err := signature.DefaultPolicy(sys)
	if errors.Is(err, configfile.ErrConfigFileNotFound) {
		policy, err = &signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the signature policy: %w", err)
	}
	pc, err := signature.NewPolicyContext(policy)
	if err != nil {
		return nil, fmt.Errorf("read the signature policy: %w", err)
	}
	return pc, nil
}

// copy copies one image, telling of its progress. When ctx ends it returns within grace, whatever the library is
// waiting for; what an abandoned copy leaves in the store is unfinished layers, which the library clears away itself. It gives the manifest
// that was written.
func (j *job) copy(ctx context.Context, dst, src types.ImageReference, opts copy.Options) ([]byte, error) {
	if err := j.connect(&opts, dst, src); err != nil {
		return nil, err
	}
	opts.MaxParallelDownloads = j.access.Parallel
	events := make(chan types.ProgressProperties)
	opts.Progress, opts.ProgressInterval = events, 100*time.Millisecond
	returned := make(chan struct{})
	ctx, done := j.attendCopy(ctx, dst, src)
	defer done()
	stop := j.tell.watch(events, returned)
	defer stop()
	var written []byte
	err := within(ctx, func() (err error) {
		defer close(returned)
		written, err = copy.Image(ctx, j.policy, dst, src, &opts)
		return err
	})
	if err != nil {
		return nil, attended(ctx, err)
	}
	return written, nil
}

// connect says how source and destination are spoken to.
func (j *job) connect(opts *copy.Options, dst, src types.ImageReference) (err error) {
	if opts.SourceCtx, err = j.sysFor(src); err != nil {
		return err
	}
	to, err := j.sysFor(dst)
	if err != nil {
		return err
	}
	if opts.DestinationCtx == nil {
		opts.DestinationCtx = to
		return nil
	}
	shaped := *opts.DestinationCtx
	shaped.DockerAuthConfig, opts.DestinationCtx = to.DockerAuthConfig, &shaped
	return nil
}

// within does something that ends soon after ctx does. What has not ended within grace then is abandoned.
func within(ctx context.Context, do func() error) error {
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		if err == nil {
			return nil
		}
	case <-time.After(grace):
	}
	return ctx.Err()
}

// receive copies src into the store under the given reference and gives the image it became. Another command may take a layer away
// that was there when it was looked for: then it is brought in like the others.
func (j *job) receive(ctx context.Context, dst, src types.ImageReference, opts copy.Options) (*image.Image, error) {
	const tries = 5
	for n := 1; ; n++ {
		img, err := j.receiveOnce(ctx, dst, src, opts)
		if n == tries || !vanished(err) {
			return img, err
		}
	}
}

// vanished reports whether something was taken away that the library had seen before.
func vanished(err error) bool {
	for _, unknown := range []error{
		storage.ErrLayerUnknown, storage.ErrParentUnknown, storage.ErrImageUnknown, image.ErrNotFound,
		drivers.ErrLayerUnknown, // its directory is gone already, its record about to
	} {
		if errors.Is(err, unknown) {
			return true
		}
	}
	return false
}

func (j *job) receiveOnce(ctx context.Context, dst, src types.ImageReference, opts copy.Options) (*image.Image, error) {
	var resolved types.ImageReference
	opts.ReportResolvedReference = &resolved
	var from types.ImageReference
	var a *arrival
	err := within(ctx, func() (err error) {
		from, a, err = j.arrive(ctx, src)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := failpoint.Hit("pull.layers"); err != nil {
		return nil, err
	}
	_, err = j.copy(ctx, dst, from, opts)
	a.end(err)
	if err != nil {
		return nil, err
	}
	_, found, err := storageref.ResolveReference(resolved)
	if err != nil {
		return nil, err
	}
	if err := j.store.Settle(); err != nil {
		return nil, err
	}
	img, err := j.store.Lookup(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	// Who has looked before it had its name may be about to remove it.
	return img, j.hold(ctx, img, "pull")
}
