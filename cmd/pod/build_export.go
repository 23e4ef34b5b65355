package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/pod-engine/pod/internal/atomicfile"
	"github.com/pod-engine/pod/internal/report"
	"github.com/pod-engine/pod/pkg/build"
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// writeFiles gives the files of a target to the outputs that want them, with what is stated of them.
func (o *buildOptions) writeFiles(a *app) func(context.Context, plan.Platform, *files.Tree, []files.Beside) error {
	return func(ctx context.Context, platform plan.Platform, tree *files.Tree, statements []files.Beside) error {
		for _, out := range o.outputs {
			var err error
			named := o.nameStatements(out, platform, statements)
			switch {
			case out.kind == "local":
				err = tree.WriteTo(ctx, o.directoryOf(out, platform), named, func(path, why string) {
					a.warn(fmt.Sprintf("/%s is not written: %s", report.Escape(path), why))
				})
			case out.kind == "tar" && out.toStdout():
				err = tree.WriteTar(ctx, a.Out, named)
			case out.kind == "tar":
				err = atomicfile.Stream(o.fileOf(out, platform), func(w io.Writer) error { return tree.WriteTar(ctx, w, named) })
			}
			if err != nil {
				return fmt.Errorf("write the files of the build: %w", err)
			}
		}
		return nil
	}
}

// nameStatements gives statements the names that they have in an output: with the platform where several are in one directory.
func (o *buildOptions) nameStatements(out buildOutput, platform plan.Platform, statements []files.Beside) []files.Beside {
	together := out.kind == "local" && len(o.job.Platforms) > 1 && out.split != nil && !*out.split
	var named []files.Beside
	for _, s := range statements {
		s.Name = out.prefix + s.Name
		if extension := filepath.Ext(s.Name); together {
			s.Name = strings.TrimSuffix(s.Name, extension) + "." + platformName(platform) + extension
		}
		named = append(named, s)
	}
	return named
}

// directoryOf is where the files of a platform go.
func (o *buildOptions) directoryOf(out buildOutput, platform plan.Platform) string {
	split := o.job.Several || len(o.job.Platforms) > 1
	if out.split != nil {
		split = *out.split
	}
	if !split {
		return out.dest
	}
	return filepath.Join(out.dest, platformName(platform))
}

// fileOf is the archive of a platform: of several, "app.tar" becomes "app_linux_arm64.tar".
func (o *buildOptions) fileOf(out buildOutput, platform plan.Platform) string {
	if len(o.job.Platforms) < 2 {
		return out.dest
	}
	extension := filepath.Ext(out.dest)
	return strings.TrimSuffix(out.dest, extension) + "_" + platformName(platform) + extension
}

// platformName is a platform as the name of a file, as BuildKit has it.
func platformName(p plan.Platform) string { return strings.ReplaceAll(p.String(), "/", "_") }

// export carries out the outputs of the image, and gives what was pushed.
func (o *buildOptions) export(ctx context.Context, a *app, b *build.Builder, result build.Result) (pushed []image.Pushed, err error) {
	for _, out := range o.outputs {
		switch {
		case out.push:
			done, err := o.pushResult(ctx, a, b, result, out)
			pushed = append(pushed, done...)
			if err != nil {
				return pushed, err
			}
		case out.kind == "oci" || out.kind == "docker" && out.dest != "":
			if err := o.saveResult(ctx, a, b, result, out); err != nil {
				return pushed, err
			}
		}
	}
	return pushed, nil
}

// pushResult copies the image to the registries that its names say.
func (o *buildOptions) pushResult(ctx context.Context, a *app, b *build.Builder, result build.Result, out buildOutput) (pushed []image.Pushed, err error) {
	names, err := o.destinations(out)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		var done []image.Pushed
		opts := o.pushOptions(out)
		if result.List != nil {
			done, err = a.courier().PushList(ctx, b.Images, result.List.ID, name, false, opts)
		} else {
			// By its id: the name may mean another image already.
			done, err = a.courier().Push(ctx, b.Images, result.Images[0].ID, name, opts)
		}
		if err != nil {
			return pushed, err
		}
		for _, p := range done {
			if to := o.job.Pull.Progress; to != nil {
				fmt.Fprintf(to, "Pushed %s with digest %s\n", report.Escape(p.Name), p.Digest)
			}
		}
		pushed = append(pushed, done...)
	}
	return pushed, nil
}

// destinations are the full names that an output is pushed to: its own, or those of the image.
func (o *buildOptions) destinations(out buildOutput) ([]string, error) {
	names := out.names
	if len(names) == 0 {
		names = o.tags
	}
	if len(names) == 0 && o.job.List != "" {
		names = []string{o.job.List}
	}
	full := make([]string, len(names))
	for i, name := range names {
		n, err := image.LocalName(name)
		if err != nil {
			return nil, err
		}
		if out.ByDigest {
			if typed, err := image.ParseName(name); err != nil || typed.Tag != "" {
				return nil, fmt.Errorf("push-by-digest=true pushes to a repository, and %q has a tag", name)
			}
			n.Tag = ""
		}
		full[i] = n.String()
	}
	return full, nil
}

// pushOptions are those of the output, with what the build says about registries.
func (o *buildOptions) pushOptions(out buildOutput) image.PushOptions {
	opts := out.PushOptions
	verify := opts.TLSVerify
	opts.Access = o.job.Pull.Access
	if verify != nil {
		opts.TLSVerify = verify
	}
	return opts
}

// saveResult writes the image, or the list with all its images, to an archive or a directory.
func (o *buildOptions) saveResult(ctx context.Context, a *app, b *build.Builder, result build.Result, out buildOutput) error {
	if out.kind == "oci" {
		return o.saveLayout(ctx, a, b, result, out)
	}
	save := image.SaveOptions{Format: image.DockerArchive, Output: out.dest, Out: a.Out}
	if out.toStdout() {
		save.Output = ""
	}
	save.Progress, save.Terminal = o.job.Pull.Progress, o.job.Pull.Terminal
	// By its id: its names may mean another image already.
	names := append([]string{result.Images[0].ID}, o.job.Names...)
	return a.courier().Save(ctx, b.Images, names, save)
}

// leavesAttestations says that what is stated is for registries and the store only, and the list is there for it alone (inline-only).
func (o *buildOptions) leavesAttestations(result build.Result) bool {
	p := o.job.Attest.Provenance
	return len(result.Images) == 1 && o.job.Attest.SBOM == nil && p != nil && p.InlineOnly
}

// saveLayout writes an OCI layout, compressed as the output says.
func (o *buildOptions) saveLayout(ctx context.Context, a *app, b *build.Builder, result build.Result, out buildOutput) (err error) {
	transport, dest := "oci-archive:", out.dest
	if out.dir {
		transport = "oci:"
	}
	if out.toStdout() {
		dir, done, err := b.Scratch(ctx)
		if err != nil {
			return err
		}
		defer done()
		dest = filepath.Join(dir, "image.tar")
	}
	to := transport + dest
	if len(o.job.Names) > 0 {
		to += ":" + o.job.Names[0]
	}
	opts := o.pushOptions(out)
	opts.Uncompressed = out.uncompressed
	if result.List != nil && !o.leavesAttestations(result) {
		_, err = a.courier().PushList(ctx, b.Images, result.List.ID, to, false, opts)
	} else {
		_, err = a.courier().Push(ctx, b.Images, result.Images[0].ID, to, opts)
	}
	if err != nil || !out.toStdout() {
		return err
	}
	f, err := os.Open(dest)
	if err != nil {
		return err
	}
	_, err = io.Copy(a.Out, f)
	return errors.Join(err, f.Close())
}
