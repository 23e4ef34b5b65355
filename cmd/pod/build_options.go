package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/image"
	"github.com/spf13/pflag"
)

// buildOptions are one call of build: the job, and what surrounds it.
type buildOptions struct {
	job build.Job

	files     []string
	contexts  []namedContext
	ignore    string
	tags      []string
	argFiles  []string
	httpProxy bool
	check     bool
	quiet     bool
	iidFile   string
	rawIDFile string
	progress  string
	logFile   string
	tlsVerify bool
	retry     uint
	layers    bool
	jobs      int // steps at a time

	outputs       []buildOutput
	push, load    bool
	streaming     bool // the standard output is an archive
	metadataFile  string
	squash        bool
	squashAll     bool
	identityLabel bool
	inheritLabels bool
	createdNote   bool // annotate when the image was made
	rewrite       bool

	platform           plan.Platform // of --os, --arch and --variant
	cacheFrom, cacheTo []cachePlace
	call               buildCall
	inline             *string // the Dockerfile's text; nil: it is a file
	keepImage          bool    // whatever the outputs are

	attest       []attestEntry
	bom          bomFlags
	recorded     bool // the metadata of the build is wanted, without a file of its own
	metadataMode metadataMode
}

func newBuildOptions() *buildOptions {
	return &buildOptions{job: build.Job{
		Request: plan.Request{
			Args: map[string]string{}, Labels: map[string]string{}, Contexts: map[string]string{}, BuildPlatform: hostPlatform(),
		},
		Run: container.NewConfig(), Contexts: map[string]*build.Context{}, Secrets: map[string]build.Secret{}, Agents: map[string]string{}, Annotations: build.Annotations{},
		EntryAnnotations: build.Annotations{}, ListAnnotations: map[string]string{},
	}}
}

func (o *buildOptions) addFlags(f *pflag.FlagSet, from caller) {
	f.StringArrayVarP(&o.files, "file", "f", nil, "the Dockerfile, its address, or - for the standard input (default Containerfile or Dockerfile in CONTEXT)")
	f.StringVar(&o.ignore, "ignorefile", "", "the file that says what of CONTEXT is left out, instead of .containerignore or .dockerignore")
	f.Var(appendTo(&o.contexts, parseNamedContext), "build-context", "further context: NAME=DIRECTORY, an address, docker-image://IMAGE or oci-layout://DIRECTORY[:TAG][@DIGEST]")
	f.StringArrayVarP(&o.tags, "tag", "t", nil, "name of the image; may be given several times")
	f.StringVar(&o.job.Request.Target, "target", "", "stage to build, by name or number (default the last)")
	f.Var(intoMap(o.job.Request.Args, fromEnvironment), "build-arg", "value of an ARG: NAME=value, or NAME to take it from the environment")
	f.StringArrayVar(&o.argFiles, "build-arg-file", nil, "file of lines NAME=value for ARGs")
	f.BoolVar(&o.httpProxy, "http-proxy", false, "give RUN your http_proxy, https_proxy, ftp_proxy, all_proxy and no_proxy; no image keeps them")
	f.Var(intoMap(o.job.Request.Labels, always), "label", "set a label of the image: NAME=value")
	f.Var(parsed{kind: "NAME=value", set: o.setAnnotation}, "annotation", "set an annotation of the image's manifest, or with index: or manifest-descriptor: in front of the manifest list or its entries: NAME=value")
	f.Var(parsed{kind: "os/arch[/variant]", set: o.addPlatforms}, "platform", "platforms of the image, instead of this machine's; of several a manifest list is made")
	f.StringVar(&o.job.List, "manifest", "", "put the image into this manifest list, which is made when it is not there")
	f.Var(into("oci|docker", &o.job.Docker, parseManifestFormat).withDefault("oci"), "format", "format of the manifest: oci or docker")
	f.BoolVar(&o.job.NoCache, "no-cache", false, "do every step, whatever the cache has, with empty caches of RUN --mount=type=cache")
	f.Var(appendTo(&o.cacheFrom, func(s string) (cachePlace, error) { return parseCachePlace(s, false) }),
		"cache-from", "look for steps in the cache of another machine: NAME, type=registry,ref=NAME or type=local,src=DIRECTORY")
	f.Var(appendTo(&o.cacheTo, func(s string) (cachePlace, error) { return parseCachePlace(s, true) }),
		"cache-to", "write the cache for other machines: NAME, type=registry,ref=NAME, type=local,dest=DIRECTORY (with mode=min|max, mounts=true) or type=inline")
	f.StringSliceVar(&o.job.Request.NoCacheFilter, "no-cache-filter", nil, "do every step of these stages, with empty caches of RUN")
	f.IntVar(&o.jobs, "jobs", 0, "steps that are done at a time, 0 for as many as there are processors")
	f.Var(into("seconds", &o.job.Epoch, epoch), "timestamp", "the time of the image and of all files made, in seconds since 1970 (default $SOURCE_DATE_EPOCH)")
	f.Var(into("seconds", &o.job.Epoch, epoch), "source-date-epoch", "the same as --timestamp")
	f.BoolVar(&o.rewrite, "rewrite-timestamp", true, "with --source-date-epoch, let no file of a new layer be younger; if false, steps of builds with other epochs are found in the cache")
	f.BoolVar(&o.layers, "layers", true, "give the image a layer for each step; else one for all of them")
	f.BoolVar(&o.squash, "squash", false, "make one layer of the new ones")
	f.BoolVar(&o.squashAll, "squash-all", false, "make one layer of the new ones and of those of the base image")
	f.BoolVar(&o.identityLabel, "identity-label", false, "say in a label which version of pod has built the image")
	o.addRunFlags(f, from)
	o.addPlatformFlags(f)
	o.addPodmanFlags(f)
	o.addAlwaysFlags(f)
	o.addAttestFlags(f)
	o.addPullFlags(f)
	o.addAnswerFlags(f)
}

func (o *buildOptions) addPullFlags(f *pflag.FlagSet) {
	pull := &o.job.Pull
	f.Var(into("policy", &pull.Policy, parseBuildPull).withDefault("missing"), "pull", "pull images: always (without a value), missing, never or newer")
	f.Lookup("pull").NoOptDefVal = "always"
	f.StringVar(&pull.AuthFile, "authfile", "", "file with registry credentials")
	f.StringVar(&pull.CertDir, "cert-dir", "", "directory with the registry's certificates and keys")
	f.StringVar(&pull.Creds, "creds", "", "credentials for the registry, `USER:PASSWORD`")
	f.BoolVar(&o.tlsVerify, "tls-verify", true, "demand HTTPS and a certificate that is trusted")
	f.UintVar(&o.retry, "retry", 3, "how often a registry is tried again after a fault of the network")
	f.DurationVar(&pull.RetryDelay, "retry-delay", 0, "time between tries (default 1s, doubled each time)")
}

// addAnswerFlags are about what is told.
func (o *buildOptions) addAnswerFlags(f *pflag.FlagSet) {
	f.BoolVar(&o.check, "check", false, "look for mistakes in the Dockerfile and build nothing")
	f.Var(into("method", &o.call, parseBuildCall).withDefault("build"), "call", "what is done: build, check, outline (what the target can be given) or targets; format=json may follow with a comma")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show the id alone")
	f.VarP(appendTo(&o.outputs, o.parseOutput), "output", "o", "where the result goes: DIRECTORY, - for a tar archive, or type=local|tar|oci|docker|image|registry[,dest=PATH][,name=NAME][,push=true]")
	f.BoolVar(&o.push, "push", false, "push the image to the registries that its names say")
	f.BoolVar(&o.load, "load", false, "leave the image in the store, as without --output")
	f.StringVar(&o.metadataFile, "metadata-file", "", "write digests and names of the image to this `file`, as JSON")
	f.StringVar(&o.iidFile, "iidfile", "", "write the image's id to this `file`, as sha256:ID")
	f.StringVar(&o.rawIDFile, "iidfile-raw", "", "write the image's id to this `file`, without sha256:")
	f.Var(into("kind", &o.progress, parseProgress), "progress", "how progress is shown: auto, tty, plain, rawjson, none or quiet (default $BUILDKIT_PROGRESS, or auto)")
	f.StringVar(&o.logFile, "logfile", "", "write progress to this `file` instead")
}

// complete checks flags against each other and takes what the environment says.
func (o *buildOptions) complete(f *pflag.FlagSet, a *app) error {
	switch {
	case o.squash && o.squashAll:
		return usageError{errors.New("--squash and --squash-all exclude each other")}
	case f.Changed("timestamp") && f.Changed("source-date-epoch"):
		return usageError{errors.New("--timestamp and --source-date-epoch are the same; give one of them")}
	case len(o.files) > 1:
		return usageError{errors.New("--file can be given once")}
	case o.jobs < 0:
		return usageError{errors.New("--jobs is a number of steps; 0 does as many as this machine has processors")}
	}
	if o.ignore != "" {
		if _, err := os.Stat(o.ignore); err != nil {
			return fmt.Errorf("--ignorefile: %w", err)
		}
	}
	if err := o.readBuildah(f, a); err != nil {
		return err
	}
	if err := o.completeJob(f, a); err != nil {
		return err
	}
	if err := o.completePlatforms(a.defaultPlatform()); err != nil {
		return err
	}
	if err := o.readArgFiles(); err != nil {
		return err
	}
	o.job.InlineCache, o.job.Several = o.argOn("BUILDKIT_INLINE_CACHE"), o.argOn("BUILDKIT_MULTI_PLATFORM")
	if err := o.checkHistory(); err != nil {
		return err
	}
	if err := o.completeNames(a); err != nil {
		return err
	}
	if err := o.completeProxies(a, f.Changed("http-proxy")); err != nil {
		return err
	}
	if err := o.readEpoch(); err != nil {
		return err
	}
	return o.noteCreated()
}

// noteCreated sets the annotation of when the image was made.
func (o *buildOptions) noteCreated() error {
	if !o.createdNote {
		return nil
	}
	if o.job.Docker {
		return usageError{errors.New("--created-annotation needs --format oci: an image in docker's format has no annotations")}
	}
	at := time.Now().UTC()
	if o.job.Epoch != nil {
		at = *o.job.Epoch
	}
	o.job.Annotations.Set(plan.Platform{}, specs.AnnotationCreated, at.Format(time.RFC3339Nano))
	return nil
}

// completeJob takes over what single flags say.
func (o *buildOptions) completeJob(f *pflag.FlagSet, a *app) (err error) {
	if o.jobs == 0 {
		o.jobs = runtime.NumCPU()
	}
	if f.Changed("tls-verify") {
		o.job.Pull.TLSVerify = &o.tlsVerify
	}
	if o.check {
		o.call.method = "check"
	}
	o.job.KeepTimes = o.job.KeepTimes || !o.rewrite
	o.job.Request.NoBaseLabels = !o.inheritLabels
	o.job.Pull.Retry = &o.retry
	o.job.Pull.Progress, o.job.Pull.Terminal = a.progress(o.quiet)
	switch {
	case o.squashAll:
		o.job.Squash = build.SquashAll
	case o.squash || !o.layers:
		o.job.Squash = build.SquashNew
	}
	if o.identityLabel {
		o.job.Request.Labels["io.pod-engine.version"] = version
	}
	o.job.MaxOutput, err = maxOutput()
	return err
}

// completeProxies makes proxies arguments, which are neither in the image's history nor in the key of a step; those of --build-arg win.
func (o *buildOptions) completeProxies(a *app, given bool) error {
	var proxies []string
	if !given {
		var err error
		if proxies, err = a.configuredProxies(); err != nil {
			return err
		}
	} else if o.httpProxy {
		proxies = proxiesOf(os.Environ())
	}
	for _, entry := range proxies {
		name, value, _ := strings.Cut(entry, "=")
		if _, given := o.job.Request.Args[name]; !given {
			o.job.Request.Args[name] = value
		}
	}
	return nil
}

// completeNames finds out what the result is called and where it goes.
func (o *buildOptions) completeNames(a *app) error {
	if o.job.List != "" {
		name, err := image.LocalName(o.job.List)
		if err != nil {
			return usageError{fmt.Errorf("--manifest: %w", err)}
		}
		o.job.List = name.String()
	}
	if err := o.completeOutputs(a); err != nil {
		return err
	}
	for _, tag := range o.tags {
		name, err := image.LocalName(tag)
		if err == nil && name.Digest != "" {
			err = fmt.Errorf("%q: a digest is not a name to give", tag)
		}
		if err != nil {
			return usageError{err}
		}
		o.job.Names = append(o.job.Names, name.String())
	}
	for _, out := range o.outputs {
		if !out.push {
			continue
		}
		names, err := o.destinations(out)
		if err == nil && len(names) == 0 {
			err = hint.Wrap(errors.New("what is pushed needs a name"), "give --tag REGISTRY/NAME, or name= to --output")
		}
		if err != nil {
			return usageError{err}
		}
	}
	return nil
}

// readArgFiles adds the arguments of files; those given as flags win.
func (o *buildOptions) readArgFiles() error {
	for _, name := range o.argFiles {
		text, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("--build-arg-file: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			if line == "" || strings.HasPrefix(line, "#") {
				continue
			}
			key, value, ok := strings.Cut(line, "=")
			if !ok {
				return fmt.Errorf("--build-arg-file %s: the line %q is not NAME=value", name, line)
			}
			if _, given := o.job.Request.Args[key]; !given {
				o.job.Request.Args[key] = value
			}
		}
	}
	return nil
}

// readEpoch takes SOURCE_DATE_EPOCH from the arguments or the environment (reproducible-builds.org) unless a flag said it.
func (o *buildOptions) readEpoch() error {
	if o.job.Epoch != nil {
		return nil
	}
	text, given := o.job.Request.Args["SOURCE_DATE_EPOCH"]
	if !given {
		text = os.Getenv("SOURCE_DATE_EPOCH")
	}
	if text == "" {
		return nil
	}
	t, err := epoch(text)
	if err != nil {
		return usageError{fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)}
	}
	o.job.Epoch = t
	o.job.Request.Args["SOURCE_DATE_EPOCH"] = text
	return nil
}
