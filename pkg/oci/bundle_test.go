package oci

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/pod-engine/pod/pkg/container"
)

// runtimes gives the OCI runtimes to try; without a user namespace with subordinate ids there is nothing to try.
func runtimes(t *testing.T) []string {
	t.Helper()
	if os.Getuid() == 0 {
		t.Skip("needs an unprivileged user with subordinate ids; this is root")
	}
	if out, err := inUserNamespace("true").CombinedOutput(); err != nil {
		t.Skipf("needs a user namespace with subordinate ids: %v: %s", err, out)
	}
	self, err := elf.Open(selfPath(t))
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if libs, _ := self.ImportedLibraries(); len(libs) > 0 {
		t.Skip("needs a static test binary to put into a container; build it with CGO_ENABLED=0")
	}
	var found []string
	for _, name := range []string{"crun", "runc"} {
		if _, err := exec.LookPath(name); err == nil {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		t.Skip("needs crun or runc")
	}
	return found
}

func selfPath(t *testing.T) string {
	p, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func inUserNamespace(args ...string) *exec.Cmd {
	return exec.Command("unshare", append([]string{"--user", "--map-auto", "--map-root-user", "--mount", "--fork", "--"}, args...)...)
}

// realHost is this machine as a rootless user sees it.
func realHost(rootfs string) Host {
	h := testHost()
	h.Rootfs = rootfs
	h.Files = nil
	h.Controllers = nil
	h.CgroupsPath = ""
	h.Rlimits = nil
	h.GIDs = []IDRange{{0, 65536}} // what unshare --map-auto makes of a range of 65536
	h.UIDs = h.GIDs
	return h
}

// runProbe runs the probe in a container and gives what it saw.
func runProbe(t *testing.T, runtime string, change func(*container.Config, *Host)) report {
	t.Helper()
	b := newBundle(t, runtime, change)
	// A network namespace made beforehand, as the engine makes one; only some cases join it.
	return b.report(t, `unshare --net=netns true && exec "$RUNTIME" --root state run --bundle . "$ID"`)
}

// execProbe runs the probe in a running container.
func execProbe(t *testing.T, runtime string, opts ExecOptions) report {
	t.Helper()
	b := newBundle(t, runtime, func(c *container.Config, h *Host) { c.Process.Env = []string{probeEnv + "=wait"} })
	opts.Args, opts.Env = []string{"/probe"}, []string{probeEnv + "=1"}
	p, err := ProcessSpec(b.cfg, b.host, opts)
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "process.json", p)
	return b.report(t, `"$RUNTIME" --root state run --detach --bundle . "$ID" </dev/null >/dev/null &&
		"$RUNTIME" --root state exec --process process.json "$ID"
		code=$?
		"$RUNTIME" --root state delete --force "$ID"
		exit $code`)
}

// bundle is a directory from which a runtime runs a container that has nothing but this test binary.
type bundle struct {
	dir, runtime string
	cfg          *container.Config
	host         Host
}

func newBundle(t *testing.T, runtime string, change func(*container.Config, *Host)) bundle {
	t.Helper()
	dir := t.TempDir()
	for p := dir; p != os.TempDir() && p != "/"; p = filepath.Dir(p) {
		os.Chmod(p, 0o755) // for users inside who are not its owner
	}
	rootfs := filepath.Join(dir, "rootfs")
	for _, d := range []string{"proc", "sys", "dev", "tmp", "etc", "run", "var/tmp", "bind"} {
		if err := os.MkdirAll(filepath.Join(rootfs, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, selfPath(t), filepath.Join(rootfs, "probe"))
	b := bundle{dir, runtime, testConfig(), realHost(rootfs)}
	b.cfg.Process.Entrypoint, b.cfg.Process.Args = []string{"/probe"}, nil
	b.cfg.Process.Env = append(b.cfg.Process.Env, probeEnv+"=1")
	b.cfg.Network.Mode = "none"
	if change != nil {
		change(b.cfg, &b.host)
	}
	spec, err := Spec(b.cfg, b.host)
	if err != nil {
		t.Fatal(err)
	}
	b.write(t, "config.json", spec)
	b.write(t, "netns", "")
	return b
}

func (b bundle) write(t *testing.T, name string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.dir, name), text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// report runs a script in a user namespace, in the bundle's directory, and reads what the probe wrote.
func (b bundle) report(t *testing.T, script string) report {
	t.Helper()
	cmd := inUserNamespace("sh", "-c", script)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "RUNTIME="+b.runtime, fmt.Sprintf("ID=pod-oci-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(b.dir))))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %s: %v: %s", b.runtime, script, err, stderr.String())
	}
	var r report
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		t.Fatalf("%v: %s", err, stdout.String())
	}
	return r
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
