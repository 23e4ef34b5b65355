package transfer

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/layertar"
	goimage "go.podman.io/image/v5/image"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/types"
	"go.podman.io/storage"
	"golang.org/x/sys/unix"
)

// maxLayers is how many directories the storage library's overlay driver puts on top of each other.
const maxLayers = 500

// arrival is an image on its way into the store. Its layers are brought in here: downloaded at the same time, and unpacked while they come, once,
// bounded and looked through. The library, which then copies the image, finds them in the store and is left with configuration,
// signatures and names. It would download each to a file, unpack that to learn its digest, and once more to store it, without any bound.
//
// What has been made is kept when the network fails, so that the next pull needs not fetch it again; it is taken away when the
// image turns out to be bad.
type arrival struct {
	j      *job
	src    *checkedSource
	budget *layertar.Budget
	layers []layer // lowest first
	made   []string
	image  string // digest of its configuration
	done   func() // lets others bring in the same image; nil: they may
}

// layer is one layer of an image that arrives.
type layer struct {
	id     string // in the store: of this layer on those below it
	parent string
	blob   types.BlobInfo
	diffID digest.Digest
}

// arrive brings the layers of an image into the store and gives what the library is to copy the rest from. Images that are not of the usual kind
// (docker's schema 1, encrypted layers, partial pulls that storage.conf asks for) are left to the library as they are.
func (j *job) arrive(ctx context.Context, ref types.ImageReference) (types.ImageReference, *arrival, error) {
	src, err := openChecked(ctx, j, ref)
	if err != nil {
		return nil, nil, err
	}
	a := &arrival{j: j, src: src, budget: layertar.NewBudget(j.limits)}
	usual, err := a.describe(ctx)
	if err == nil && !usual {
		return ref, nil, src.close()
	}
	if err == nil {
		// Under another name the same image may be on its way already; then its layers will be there.
		a.done, err = j.turn(ctx, "image "+a.image)
	}
	if err == nil {
		err = a.fetch(ctx)
	}
	if err != nil {
		a.end(err)
		return nil, nil, err
	}
	if attachments(j.sys) {
		return ref, a, nil // only the source itself gives the library signatures of that kind
	}
	return src, a, nil
}

// end closes the source. When err says that the image is bad, the layers that were made for it go too.
func (a *arrival) end(err error) {
	if a == nil {
		return
	}
	if a.done != nil {
		defer a.done()
	}
	_ = a.src.close() // it was only read from
	if err == nil || errors.Is(err, context.Canceled) || passing(err) {
		return
	}
	lib, open := a.j.store.Library()
	if open != nil {
		return
	}
	for _, id := range slices.Backward(a.made) {
		// One that somebody else uses by now stays, with what is below it.
		if lib.DeleteLayer(id) != nil {
			return
		}
	}
}

// describe reads manifest and configuration; false: the image is not of the usual kind.
func (a *arrival) describe(ctx context.Context) (bool, error) {
	ctx, cancel := a.j.attend(ctx)
	defer cancel()
	instance, err := a.src.choose(ctx)
	if err != nil {
		return false, attended(ctx, err)
	}
	unparsed := goimage.UnparsedInstance(lent{a.src}, instance)
	_, kind, err := unparsed.Manifest(ctx)
	if err != nil {
		return false, attended(ctx, err)
	}
	if kind != specs.MediaTypeImageManifest && kind != manifest.DockerV2Schema2MediaType {
		return false, nil
	}
	// Nothing of an image that the policy does not allow is looked at; the library says why it is not.
	if allowed, err := a.j.policy.IsRunningImageAllowed(ctx, goimage.UnparsedInstance(a.src.ImageSource, instance)); err != nil || !allowed {
		return false, nil //nolint:nilerr // see above
	}
	img, err := goimage.FromUnparsedImage(ctx, a.j.sys, unparsed)
	if err != nil {
		return false, attended(ctx, err)
	}
	blobs := img.LayerInfos()
	if len(blobs) > maxLayers {
		return false, fmt.Errorf("the image has %d layers: more than %d cannot be mounted", len(blobs), maxLayers)
	}
	if err := a.src.acceptConfig(img.ConfigInfo()); err != nil {
		return false, err
	}
	config, err := img.OCIConfig(ctx)
	if err != nil {
		return false, attended(ctx, err)
	}
	if err := a.fits(config.Platform); err != nil {
		return false, err
	}
	if config.OS != "linux" || a.left(blobs) {
		return false, nil
	}
	a.image = img.ConfigInfo().Digest.String()
	return true, a.list(blobs, config.RootFS.DiffIDs)
}

// fits refuses an image of a registry that is for another operating system than this one, unless that was asked for. What lies on this machine
// was brought here on purpose.
func (a *arrival) fits(p specs.Platform) error {
	if want := cmp.Or(a.j.sys.OSChoice, "linux"); !a.src.remote || p.OS == "" || p.OS == want {
		return nil
	}
	return hint.Wrap(fmt.Errorf("the image is for the operating system %q, and would not run here", clip(p.OS)), "to have it all the same: pod pull --os OS")
}

// left reports whether the layers need what only the library can do.
func (a *arrival) left(blobs []types.BlobInfo) bool {
	lib, err := a.j.store.Library()
	if err != nil {
		return true
	}
	options := lib.PullOptions()
	if options["convert_images"] == "true" {
		return true
	}
	partial := options["enable_partial_images"] == "true"
	return slices.ContainsFunc(blobs, func(b types.BlobInfo) bool {
		return strings.HasSuffix(b.MediaType, "+encrypted") || partial && hasTOC(b.Annotations)
	})
}

// hasTOC reports whether a layer says where its files lie, so that those can be fetched one by one (zstd:chunked, eStargz).
func hasTOC(annotations map[string]string) bool {
	for _, key := range []string{"io.github.containers.zstd-chunked.manifest-checksum", "containerd.io/snapshot/stargz/toc.digest"} {
		if annotations[key] != "" {
			return true
		}
	}
	return false
}

// list says which layers the image has, and what they are called in the store.
func (a *arrival) list(blobs []types.BlobInfo, diffs []digest.Digest) error {
	if len(blobs) != len(diffs) {
		return fmt.Errorf("the manifest has %d layers, but the configuration %d", len(blobs), len(diffs))
	}
	parent := ""
	for i, blob := range blobs {
		if len(blob.URLs) > 0 {
			return fmt.Errorf("layer %d is not kept by the registry, but at other addresses, which pod does not follow", i+1)
		}
		for _, d := range []digest.Digest{blob.Digest, diffs[i]} {
			if err := d.Validate(); err != nil {
				return fmt.Errorf("layer %d has a digest that is none: %q", i+1, clip(d.String()))
			}
		}
		if diffs[i].Algorithm() != digest.SHA256 {
			return fmt.Errorf("layer %d: the configuration has a digest by %s; only sha256 is known", i+1, diffs[i].Algorithm())
		}
		id := chain(parent, diffs[i])
		a.layers = append(a.layers, layer{id: id, parent: parent, blob: blob, diffID: diffs[i]})
		parent = id
	}
	return nil
}

// chain is the id of a layer on those below it, as the image library forms it, so that both find the other's.
func chain(parent string, diff digest.Digest) string {
	if parent == "" {
		return diff.Encoded()
	}
	sum := sha256.Sum256([]byte(parent + "+" + diff.Encoded()))
	return hex.EncodeToString(sum[:])
}

// clip shortens what a registry sent.
func clip(s string) string {
	const most = 100
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// fetch brings in the layers that are missing.
func (a *arrival) fetch(ctx context.Context) error {
	lib, err := a.j.store.Library()
	if err != nil {
		return err
	}
	var missing []layer
	for _, l := range a.layers {
		if !known(lib, l) {
			missing = append(missing, l)
		} else {
			a.src.tell.event(types.ProgressEventSkipped, l.blob, 0)
		}
	}
	d := a.src.download(ctx, missing)
	defer d.stop()
	for i, l := range missing {
		if err := a.unpack(d.ctx, lib, l, d.blobs[i]); err != nil {
			d.blobs[i].settle()
			return d.cause(err)
		}
		a.src.tell.event(types.ProgressEventDone, l.blob, uint64(max(l.blob.Size, 0)))
	}
	return nil
}

// known reports whether the library will find a layer by the digest that the manifest gives it.
func known(lib storage.Store, l layer) bool {
	found, err := lib.Layer(l.id)
	return err == nil && found.UncompressedDigest == l.diffID && (found.CompressedDigest == l.blob.Digest || found.UncompressedDigest == l.blob.Digest)
}

// unpack is unpackOnce, again when the library has lost what it was unpacking to. Between making the lock of a temporary directory and taking it, the
// library can lose that lock to another process, which looks for directories of processes that died (tempdir.RecoverStaleDirs, whenever a
// store is opened or its index has changed): it then holds a lock that has no name any more, and the next that looks takes the directory away.
func (a *arrival) unpack(ctx context.Context, lib storage.Store, l layer, blob *blob) error {
	const tries = 3
	for n := 1; ; n++ {
		mark := a.budget.Mark()
		err := a.unpackOnce(ctx, lib, l, blob)
		if n == tries || !tempDirLost(err) {
			return err
		}
		a.budget.Reset(mark)
	}
}

// tempDirLost reports whether a directory may have been lost: something is not there that should be. The process that unpacks says so in words only,
// and of a layer with a hard link to nothing too.
func tempDirLost(err error) bool {
	return err != nil && (errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), unix.ENOENT.Error()))
}

// unpackOnce checks a layer, and puts it into the store unless it is there under another digest.
func (a *arrival) unpackOnce(ctx context.Context, lib storage.Store, l layer, blob *blob) error {
	packed, err := blob.open(ctx, l.blob.Digest == l.diffID)
	if err != nil {
		return err
	}
	defer packed.Close()
	plain := layertar.Open(ctx, packed, l.diffID.String(), a.budget)
	defer plain.Close()
	if _, err := lib.Layer(l.id); err == nil {
		// The library has to learn that the two digests mean the same; it gets the blob that was checked.
		blob.keep()
		return drain(plain)
	}
	size := l.blob.Size
	options := &storage.LayerOptions{OriginalDigest: l.blob.Digest, UncompressedDigest: l.diffID}
	if size >= 0 {
		options.OriginalSize = &size
	}
	_, _, err = lib.PutLayer(l.id, l.parent, nil, "", false, options, plain)
	if refused := plain.Err(); refused != nil {
		return refused
	}
	if errors.Is(err, storage.ErrDuplicateID) {
		blob.keep() // another pull was faster, perhaps with the same layer in another packing
		return drain(plain)
	}
	if err != nil {
		return unpackFailure(err)
	}
	a.made = append(a.made, l.id)
	if n := plain.Found.Devices.Load(); n > 0 {
		a.j.tell.line("%d device nodes are left out, which only root can make", n)
	}
	return failpoint.Hit("pull.layer")
}
