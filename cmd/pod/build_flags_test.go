package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/spf13/pflag"
)

// parseBuild reads flags of build.
func parseBuild(args ...string) (*buildOptions, error) {
	o := newBuildOptions()
	f := pflag.NewFlagSet("build", pflag.ContinueOnError)
	o.addFlags(f, callersSurroundings())
	return o, f.Parse(args)
}

// flagCase is the value of a flag, and what it says; with "error: ", what is wrong with it.
type flagCase struct{ value, want string }

// checkFlag reads each value as that of a flag.
func checkFlag(t *testing.T, flag string, show func(*buildOptions) string, cases []flagCase) {
	t.Helper()
	for _, c := range cases {
		o, err := parseBuild("--" + flag + "=" + c.value)
		problem, wrong := strings.CutPrefix(c.want, "error: ")
		switch {
		case wrong && (err == nil || !strings.Contains(err.Error(), problem)):
			t.Errorf("--%s=%s: %v, want an error with %q", flag, c.value, err, problem)
		case !wrong && err != nil:
			t.Errorf("--%s=%s: %v", flag, c.value, err)
		case !wrong && show(o) != c.want:
			t.Errorf("--%s=%s is %s, want %s", flag, c.value, show(o), c.want)
		}
	}
}

func TestOutputFlag(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	checkFlag(t, "output", func(o *buildOptions) string {
		out := o.outputs[0]
		var words []string
		add := func(given bool, word string) {
			if given {
				words = append(words, word)
			}
		}
		add(true, out.kind)
		add(out.dest != "", strings.Replace(out.dest, here, "HERE", 1))
		add(len(out.names) > 0, strings.Join(out.names, "+"))
		add(out.push, "push")
		add(out.ByDigest, "by digest")
		add(out.dir, "directory")
		add(out.split != nil, fmt.Sprint("split ", out.split != nil && *out.split))
		add(out.uncompressed, "uncompressed")
		add(out.Compression != "", string(out.Compression))
		add(out.Level != nil, "with a level")
		add(out.Force, "forced")
		add(out.prefix != "", "prefix "+out.prefix)
		add(out.TLSVerify != nil && !*out.TLSVerify, "insecure")
		add(o.job.Docker, "docker's manifest")
		add(o.job.KeepTimes, "times kept")
		add(len(o.job.Annotations) > 0, fmt.Sprint("of images ", o.job.Annotations.For(plan.Platform{})))
		add(len(o.job.ListAnnotations) > 0, fmt.Sprint("of the list ", o.job.ListAnnotations))
		return strings.Join(words, ", ")
	}, []flagCase{
		{"out", "local, HERE/out"},
		{"/abs/out", "local, /abs/out"},
		{"dest=out", "local, HERE/out"},
		{"-", "tar, -"},
		{"type=local,dest=out", "local, HERE/out"},
		{"type=local,dest=out,platform-split=false", "local, HERE/out, split false"},
		{"type=local,dest=out,platform-split", "local, HERE/out, split true"},
		{"type=local,dest=out,mode=copy", "local, HERE/out"},
		{"type=local,dest=out,mode=delete", "error: the mode is copy"},
		{"type=local,dest=out,attestation-prefix=a-", "local, HERE/out, prefix a-"},
		{"type=local,dest=out,attestation-prefix=a/", "error: no directories"},
		{"type=local", "error: type=local needs dest=DIRECTORY"},
		{"type=local,dest=-", "error: type=local needs dest=DIRECTORY"},
		{"type=local,dest=out,tar=false", `error: type=local has no "tar"`},
		{"type=tar", "tar"},
		{"type=tar,dest=-", "tar, -"},
		{"type=tar,dest=a.tar", "tar, HERE/a.tar"},
		{`"type=tar","dest=a,b.tar"`, "tar, HERE/a,b.tar"},
		{"type=oci", "oci"},
		{"type=oci,dest=a", "oci, HERE/a"},
		{"type=oci,dest=a,tar=false", "oci, HERE/a, directory"},
		{"type=oci,tar=false", "error: tar=false needs dest=DIRECTORY"},
		{"type=oci,dest=a,compression=zstd,compression-level=3,force-compression=true", "oci, HERE/a, zstd, with a level, forced"},
		{"type=oci,dest=a,compression=uncompressed", "oci, HERE/a, uncompressed"},
		{"type=oci,dest=a,compression=estargz", "error: zstd:chunked has the same use"},
		{"type=oci,dest=a,compression=lzma", "error: compression=lzma"},
		{"type=oci,dest=a,compression-level=high", "error: compression-level=high"},
		{"type=docker", "docker"},
		{"type=docker,dest=a", "docker, HERE/a"},
		{"type=docker,dest=a,tar=false", "error: type=oci,tar=false writes a directory"},
		{"type=docker,compression=gzip", `error: type=docker has no "compression"`},
		{"type=image", "image"},
		{"type=image,name=a", "image, a"},
		{`type=image,"name=a,b",push=true`, "image, a+b, push"},
		{"type=image,push=false", "image"},
		{"type=image,push=maybe", "error: push=maybe: it is true or false"},
		{"type=image,push-by-digest=true", "image, by digest"},
		{"type=image,oci-mediatypes=false", "image, docker's manifest"},
		{"type=image,rewrite-timestamp=false", "image, times kept"},
		{"type=image,registry.insecure=true", "image, insecure"},
		{"type=image,annotation.a=1,annotation-manifest.b=2", "image, of images map[a:1 b:2]"},
		{"type=image,annotation-index.a=1", "image, of the list map[a:1]"},
		{"type=image,store=false", "error: it is always so"},
		{"type=image,unpack=true,name-canonical=true", "image"},
		{"type=image,dangling-name-prefix=x", "error: dangling-name-prefix is not possible: an image without a name"},
		{"type=image,compression=uncompressed", "error: compression=uncompressed is possible with type=oci"},
		{"type=registry,name=a", "image, a, push"},
		{"type=cacheonly", "cacheonly"},
		{"type=cacheonly,dest=a", `error: type=cacheonly has no "dest"`},
		{"type=zip", "error: type=zip: it is local, tar"},
		{"", "error: type=local needs dest="},
		{"dest=a,push=true", "error: has no type"},
		{`type="tar`, "error: cannot be read"},
	})
}

func TestCacheFlags(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	show := func(of func(o *buildOptions) cachePlace) func(*buildOptions) string {
		return func(o *buildOptions) string {
			p := of(o)
			text := p.kind + " " + strings.Replace(p.place, here, "HERE", 1)
			for _, word := range []struct {
				on   bool
				text string
			}{{p.all, " all"}, {p.mounts, " mounts"}, {p.ignoreErrors, " or not"}, {p.insecure, " insecure"}, {p.level > 0, fmt.Sprint(" ", p.level)}} {
				if word.on {
					text += word.text
				}
			}
			return text
		}
	}
	checkFlag(t, "cache-to", show(func(o *buildOptions) cachePlace { return o.cacheTo[0] }), []flagCase{
		{"quay.io/a/b", "registry quay.io/a/b"},
		{"type=registry,ref=quay.io/a/b,mode=max,mounts=true", "registry quay.io/a/b all mounts"},
		{"type=registry,ref=a,mode=min,ignore-error=true,registry.insecure", "registry a or not insecure"},
		{"type=registry,ref=a,compression=zstd,compression-level=19,force-compression,oci-mediatypes=true,image-manifest=true", "registry a 19"},
		{"type=registry", "error: type=registry needs ref="},
		{"type=registry,ref=a,mode=all", "error: it is min (the steps of the image) or max"},
		{"type=registry,ref=a,compression=gzip", "error: a cache is compressed with zstd"},
		{"type=registry,ref=a,compression-level=23", "error: a level of zstd, 1 to 22"},
		{"type=registry,ref=a,image-manifest=false", "error: always an image"},
		{"type=local,dest=a", "local HERE/a"},
		{"type=local", "error: type=local needs dest="},
		{"type=local,src=a", `error: type=local has no "src"`},
		{"type=inline", "inline "},
		{"type=inline,mode=max", `error: type=inline has no "mode"; it has nothing to say`},
		{"type=gha", "error: type=gha is not possible"},
		{"type=s3,bucket=b", "error: type=s3 is not possible"},
		{"type=tape", "error: caches are exchanged with type=local"},
		{"ref=a", "error: has no type: it is type=local,dest=DIRECTORY"},
	})
	checkFlag(t, "cache-from", show(func(o *buildOptions) cachePlace { return o.cacheFrom[0] }), []flagCase{
		{"quay.io/a/b", "registry quay.io/a/b"},
		{"type=registry,ref=a,registry.insecure=true", "registry a insecure"},
		{"type=registry", "error: type=registry needs ref="},
		{"type=registry,ref=a,mode=max", `error: type=registry has no "mode"`},
		{"type=local,src=a", "local HERE/a"},
		{"type=local", "error: type=local needs src="},
		{"type=local,dest=a", `error: type=local has no "dest"`},
		{"type=inline", "error: type=registry, which reads an inline one too"},
	})
}

func TestSecretFlag(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"token", "a,b"} {
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TOKEN", "x")
	checkFlag(t, "secret", func(o *buildOptions) string {
		for id, s := range o.job.Secrets {
			return strings.TrimSpace(id + " " + strings.Replace(s.File, here, "HERE", 1) + " " + s.Env)
		}
		return "nothing"
	}, []flagCase{
		{"id=a,src=token", "a HERE/token"},
		{"id=a,source=token", "a HERE/token"},
		{"type=file,id=a,src=token", "a HERE/token"},
		{"id=token", "token HERE/token"},
		{"src=token", "token HERE/token"},
		{"id=a,env=TOKEN", "a  TOKEN"},
		{"id=TOKEN", "TOKEN  TOKEN"},
		{"type=env,id=a,src=TOKEN", "a  TOKEN"},
		{"type=env,id=UNSET", "UNSET  UNSET"},
		{`id=a,"src=a,b"`, "a HERE/a,b"},
		{"id=a,src=none", "error: no such file"},
		{"id=a,src=token,env=TOKEN", "error: not from both"},
		{"", "error: a secret has id"},
		{"id=", "error: needs an id"},
		{"id=a,type=url", "error: its type is file or env"},
		{"id=a,mode=0400", "error: a secret has id, src, env and type"},
	})
}

func TestAgentFlag(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, "agent"))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if err := os.WriteFile("key", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	show := func(o *buildOptions) string {
		for id, socket := range o.job.Agents {
			return id + " " + strings.TrimPrefix(socket, dir+"/")
		}
		return "nothing"
	}
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(dir, "agent"))
	checkFlag(t, "ssh", show, []flagCase{
		{"default", "default agent"},
		{"mine=agent", "mine agent"},
		{"mine=none", "error: no such file"},
		{"mine=key", "error: ssh-add"},
		{"mine=key,key", "error: ID=SOCKET"},
		{"=agent", "error: ID=SOCKET"},
	})
	t.Setenv("SSH_AUTH_SOCK", "")
	checkFlag(t, "ssh", show, []flagCase{{"default", "error: SSH_AUTH_SOCK is not set"}})
}

func TestOtherBuildFlags(t *testing.T) {
	t.Setenv("FROM_HERE", "there")
	checkFlag(t, "build-arg", func(o *buildOptions) string { return fmt.Sprint(o.job.Request.Args) }, []flagCase{
		{"A=1", "map[A:1]"}, {"A=", "map[A:]"}, {"A=b=c,d", "map[A:b=c,d]"}, {"FROM_HERE", "map[FROM_HERE:there]"}, {"UNSET_HERE", "map[]"}, {"=x", "error: NAME=value"},
	})
	checkFlag(t, "label", func(o *buildOptions) string { return fmt.Sprint(o.job.Request.Labels) }, []flagCase{
		{"a=1", "map[a:1]"}, {"a", "map[a:]"}, {"=1", "error: NAME=value"},
	})
	armImage := plan.Platform{OS: "linux", Arch: "arm64"}
	checkFlag(t, "annotation", func(o *buildOptions) string {
		return fmt.Sprint(o.job.Annotations.For(armImage), o.job.EntryAnnotations.For(armImage), o.job.ListAnnotations)
	}, []flagCase{
		{"a=1", "map[a:1] map[] map[]"},
		{"a=b:c", "map[a:b:c] map[] map[]"},
		{"index:a=1", "map[] map[] map[a:1]"},
		{"manifest,index:a=1", "map[a:1] map[] map[a:1]"},
		{"manifest-descriptor:a=1", "map[] map[a:1] map[]"},
		{"manifest[linux/arm64],manifest-descriptor[linux/amd64]:a=1", "map[a:1] map[] map[]"},
		{"index-descriptor:a=1", "error: index: gives them to the list"},
		{"index[linux/arm64]:a=1", "error: for no single platform"},
		{"a", "error: is not KEY=VALUE"},
	})
	checkFlag(t, "build-context", func(o *buildOptions) string { return fmt.Sprint(o.contexts) }, []flagCase{
		{"a=dir", "[{a dir}]"},
		{"a=docker-image://b:1", "[{a docker-image://b:1}]"},
		{"a=https://h/x?y=z", "[{a https://h/x?y=z}]"},
		{"a", "error: is not NAME=VALUE"},
		{"=dir", "error: is not NAME=VALUE"},
		{"a=", "error: is not NAME=VALUE"},
	})
	checkFlag(t, "platform", func(o *buildOptions) string { return fmt.Sprint(o.job.Platforms) }, []flagCase{
		{"linux/arm64", "[linux/arm64]"},
		{"linux/amd64,linux/arm64", "[linux/amd64 linux/arm64]"},
		{"linux/amd64,linux/x86_64", "[linux/amd64]"},
		{"arm", "[linux/arm/v7]"},
		{"", "error: platform"},
		{"linux/amd64,", "error: platform"},
		{"solaris9", "error: no operating system and no architecture"},
	})
	checkFlag(t, "timestamp", func(o *buildOptions) string { return fmt.Sprint(o.job.Epoch.Unix()) }, []flagCase{
		{"0", "0"}, {"1700000000", "1700000000"}, {"-1", "error: is not a number of seconds"}, {"1.5", "error: is not a number of seconds"}, {"01", "error: is not a number"}, {"now", "error: is not a number"},
	})
	checkFlag(t, "call", func(o *buildOptions) string { return fmt.Sprint(o.call) }, []flagCase{
		{"build", "{ false}"},
		{"check", "{check false}"},
		{"lint", "{check false}"},
		{"outline,format=json", "{outline true}"},
		{"targets,format=text", "{targets false}"},
		{"run", "error: it is build, check, outline or targets"},
		{"outline,json", "error: format=json can follow"},
	})
	checkFlag(t, "allow", func(o *buildOptions) string { return fmt.Sprint(o.job.AllowInsecure, o.job.AllowDevices) }, []flagCase{
		{"security.insecure", "true {false [] map[]}"},
		{"network.host", "false {false [] map[]}"},
		{"security.insecure,network.host", "true {false [] map[]}"},
		{"device", "false {true [] map[]}"},
		{"device=a/b=c", "false {false [a/b=c] map[]}"},
		{"device=a/b=c,alias=d", "false {false [] map[d:a/b=c]}"},
		{"device=a/b=c,d", "error: comes alias=NAME"},
		{"all", "error: it is security.insecure"},
	})
}
