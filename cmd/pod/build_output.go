package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/internal/terminal"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// buildOutput is one --output.
type buildOutput struct {
	kind  string // "local", "tar", "oci", "docker", "image" or "cacheonly"
	dest  string // absolute path; "-": the standard output
	names []string
	push  bool
	dir   bool  // of oci: a directory rather than an archive
	split *bool // of local: a directory for each platform; nil: when there are several
	// prefix is in front of the names of files with attestations.
	prefix string
	image.PushOptions
	uncompressed bool
}

// outputKeys are the keys that each type knows.
func outputKeys(kind string) []string {
	compress := []string{"compression", "compression-level", "force-compression"}
	record := []string{"name", "oci-mediatypes", "oci-artifact", "attestation-inline", "rewrite-timestamp", "annotation.", "annotation-manifest.", "annotation-index."}
	switch kind {
	case "local":
		return []string{"dest", "platform-split", "mode", "attestation-prefix"}
	case "tar":
		return []string{"dest", "attestation-prefix"}
	case "oci":
		return slices.Concat([]string{"dest", "tar"}, record, compress)
	case "docker":
		return slices.Concat([]string{"dest", "tar"}, record)
	case "image", "registry":
		return slices.Concat([]string{"push", "push-by-digest", "name-canonical", "registry.insecure", "store", "unpack"}, record, compress)
	}
	return nil
}

// outputKeysLeftOut are keys of BuildKit's that cannot be had, and why.
func outputKeysLeftOut(key string) string {
	switch key {
	case "dangling-name-prefix":
		return "an image without a name is found by its id, which --iidfile and --metadata-file write"
	case "attestation-prefix":
		return "attestations are in the image, not beside its files"
	case "buildinfo", "buildinfo-attrs":
		return "BuildKit has no build information in images any more"
	case "prefer-nondist-layers":
		return "layers are always pushed"
	}
	return ""
}

// parseOutput reads "type=TYPE[,KEY=VALUE...]", DIRECTORY, or - for a tar archive on the standard output.
func (o *buildOptions) parseOutput(s string) (buildOutput, error) {
	fields, err := csvFields(s)
	if err != nil {
		return buildOutput{}, err
	}
	if len(fields) == 1 && !strings.HasPrefix(s, "type=") {
		fields = []string{"type=local", "dest=" + strings.TrimPrefix(s, "dest=")}
		if s == "-" {
			fields[0] = "type=tar"
		}
	}
	out := buildOutput{kind: typeOf(fields)}
	keys := outputKeys(out.kind)
	switch {
	case out.kind == "":
		return out, fmt.Errorf("%q has no type: it is type=local, tar, oci, docker, image or registry", s)
	case keys == nil && out.kind != "cacheonly":
		return out, fmt.Errorf("type=%s: it is local, tar, oci, docker, image, registry or cacheonly", out.kind)
	}
	out.push = out.kind == "registry"
	for _, field := range fields {
		key, value, _ := strings.Cut(field, "=")
		if key == "type" {
			continue
		}
		known := slices.ContainsFunc(keys, func(k string) bool { return k == key || strings.HasSuffix(k, ".") && strings.HasPrefix(key, k) })
		if why := outputKeysLeftOut(key); !known && why != "" {
			return out, fmt.Errorf("%s is not possible: %s", key, why)
		}
		if !known {
			return out, fmt.Errorf("type=%s has no %q; it has %s", out.kind, key, strings.Join(keys, ", "))
		}
		if err := o.setOutput(&out, key, value); err != nil {
			return out, fmt.Errorf("%s=%s: %w", key, value, err)
		}
	}
	if out.kind == "registry" {
		out.kind = "image"
	}
	return out, out.check()
}

func (o *buildOptions) setOutput(out *buildOutput, key, value string) (err error) {
	if on, ok := map[string]*bool{"push": &out.push, "push-by-digest": &out.ByDigest, "force-compression": &out.Force}[key]; ok {
		*on, err = switchedOn(value)
		return err
	}
	switch key {
	case "dest":
		out.dest = value
		if value != "-" && value != "" {
			out.dest, err = filepath.Abs(value)
		}
	case "name":
		out.names = strings.Split(value, ",")
	case "name-canonical", "unpack":
		// Nothing is to be chosen: what is pushed is found as NAME@DIGEST, and whether its layers are unpacked nobody can see.
		_, err = switchedOn(value)
	case "tar":
		var archive bool
		archive, err = switchedOn(value)
		out.dir = !archive
	case "platform-split":
		var split bool
		split, err = switchedOn(value)
		out.split = &split
	case "registry.insecure":
		var insecure bool
		insecure, err = switchedOn(value)
		verify := !insecure
		out.TLSVerify = &verify
	case "rewrite-timestamp":
		var on bool
		on, err = switchedOn(value)
		o.job.KeepTimes = o.job.KeepTimes || !on
	case "store", "attestation-inline":
		var on bool
		if on, err = switchedOn(value); err == nil && !on {
			err = errors.New("it is always so: the image is in the store, and what attests to it is in its list")
		}
	default:
		err = o.setOutputForm(out, key, value)
	}
	return err
}

// setOutputForm is setOutput for what is about compression, media types, attestations and annotations.
func (o *buildOptions) setOutputForm(out *buildOutput, key, value string) (err error) {
	switch key {
	case "compression":
		switch value {
		case "uncompressed":
			out.uncompressed = true
		case "estargz":
			err = errors.New("it is not supported; zstd:chunked has the same use")
		default:
			out.Compression, err = image.ParseCompression(value)
		}
	case "compression-level":
		var level int
		level, err = strconv.Atoi(value)
		out.Level = &level
	case "oci-mediatypes":
		var oci bool
		if oci, err = switchedOn(value); err == nil {
			o.job.Docker = !oci
		}
	case "mode":
		if value != "copy" {
			err = errors.New("nothing that is there is deleted; the mode is copy")
		}
	case "oci-artifact":
		var artifact bool
		artifact, err = switchedOn(value)
		o.job.Attest.Form.Image = !artifact
	case "attestation-prefix":
		if out.prefix = value; strings.Contains(value, "/") {
			err = errors.New("it is in front of the name of a file, and so has no directories")
		}
	default:
		if name, ok := strings.CutPrefix(key, "annotation-index."); ok {
			o.job.ListAnnotations[name] = value
			return nil
		}
		_, name, _ := strings.Cut(key, ".")
		o.job.Annotations.Set(plan.Platform{}, name, value)
	}
	return err
}

func (out buildOutput) check() error {
	switch {
	case out.kind == "local" && (out.dest == "" || out.dest == "-"):
		return errors.New("type=local needs dest=DIRECTORY")
	case out.dir && (out.dest == "" || out.dest == "-"):
		return errors.New("tar=false needs dest=DIRECTORY")
	case out.dir && out.kind == "docker":
		return errors.New("docker's format is an archive; type=oci,tar=false writes a directory")
	case out.uncompressed && (out.push || out.kind != "oci"):
		return errors.New("compression=uncompressed is possible with type=oci,dest=FILE")
	}
	return nil
}

// files says that the output is of the files alone, for which no image is needed.
func (out buildOutput) files() bool { return out.kind == "local" || out.kind == "tar" }

// toStdout says that the output takes the standard output, where otherwise the id is written.
func (out buildOutput) toStdout() bool {
	return out.dest == "-" || out.dest == "" && (out.kind == "tar" || out.kind == "oci")
}

// completeOutputs checks the outputs against each other and says what the job must do for them.
func (o *buildOptions) completeOutputs(a *app) error {
	o.completePush()
	if err := o.completeAttest(a); err != nil {
		return err
	}
	o.job.NoImage = len(o.outputs) > 0 && len(o.tags) == 0 && o.job.List == "" && !o.keepImage
	streams := 0
	for _, out := range o.outputs {
		if out.toStdout() {
			streams++
		}
		if out.ByDigest && !out.push {
			return usageError{errors.New("push-by-digest=true needs push=true, or --push")}
		}
		if out.files() {
			o.job.Files = o.writeFiles(a)
		} else if out.kind != "cacheonly" {
			o.job.NoImage = false
		}
		if out.kind == "docker" && out.dest != "" {
			o.job.Docker = true
			if o.job.Several || len(o.job.Platforms) > 1 {
				return usageError{errors.New("docker's archive has no place for several platforms; type=oci has")}
			}
		}
		for _, name := range out.names {
			// What goes to a repository without a tag has none here either.
			if !slices.Contains(o.tags, name) && !out.ByDigest {
				o.tags = append(o.tags, name)
			}
		}
	}
	o.streaming = streams > 0
	switch {
	case streams > 1:
		return usageError{errors.New("only one --output can go to the standard output")}
	case streams == 1 && terminal.IsTerminal(a.Out):
		return usageError{hint.Wrap(errors.New("the standard output is a terminal, where an archive does no good"), "give dest=FILE, or redirect")}
	case o.job.NoImage && o.iidFile+o.rawIDFile != "":
		return usageError{errors.New("--iidfile needs an image, and these outputs make none; give it a name with --tag")}
	}
	return o.completeAnnotations()
}

// completePush takes --load, and --push: images that an output speaks of are pushed as it says.
func (o *buildOptions) completePush() {
	if o.load {
		o.outputs = append(o.outputs, buildOutput{kind: "docker"})
	}
	if !o.push {
		return
	}
	spoken := false
	for i := range o.outputs {
		if o.outputs[i].kind == "image" {
			o.outputs[i].push, spoken = true, true
		}
	}
	if !spoken {
		o.outputs = append(o.outputs, buildOutput{kind: "image", push: true})
	}
}

// completeAnnotations checks that annotations have a place.
func (o *buildOptions) completeAnnotations() error {
	switch {
	case len(o.job.Annotations) > 0 && o.job.Docker:
		return usageError{errors.New("--annotation needs --format oci: an image in docker's format has none")}
	case len(o.job.ListAnnotations)+len(o.job.EntryAnnotations) > 0 && len(o.job.Platforms) < 2 && !o.job.Several && o.job.List == "" && !o.job.Attest.Any():
		return usageError{errors.New("--annotation index: and manifest-descriptor: are for a manifest list, and an image for one platform has none")}
	}
	for _, all := range []build.Annotations{o.job.Annotations, o.job.EntryAnnotations} {
		for p := range all {
			if p != (plan.Platform{}) && !slices.Contains(o.job.Platforms, p) {
				return usageError{fmt.Errorf("--annotation for %s: nothing is built for that", p)}
			}
		}
	}
	return nil
}
