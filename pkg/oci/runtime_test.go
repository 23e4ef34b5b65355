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
	"strings"
	"testing"

	"golang.org/x/sys/unix"

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
	dir := t.TempDir()
	for p := dir; p != "/tmp" && p != "/"; p = filepath.Dir(p) {
		os.Chmod(p, 0o755)
	}
	rootfs := filepath.Join(dir, "rootfs")
	for _, d := range []string{"proc", "sys", "dev", "tmp", "etc", "run", "var/tmp", "bind", "bind/inner"} {
		if err := os.MkdirAll(filepath.Join(rootfs, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyFile(t, selfPath(t), filepath.Join(rootfs, "probe"))
	cfg, host := testConfig(), realHost(rootfs)
	cfg.Process.Entrypoint, cfg.Process.Args = []string{"/probe"}, nil
	cfg.Process.Env = append(cfg.Process.Env, probeEnv+"=1")
	cfg.Network.Mode = "none"
	cfg.Resources.Cgroups = "enabled"
	if change != nil {
		change(cfg, &host)
	}
	spec, err := Spec(cfg, host)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("pod-oci-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(dir)))
	cmd := inUserNamespace(runtime, "--root", filepath.Join(dir, "state"), "run", "--bundle", dir, id)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v: %s", cmd, err, stderr.String())
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

func TestRuntimeGivesDefaultIsolation(t *testing.T) {
	for _, runtime := range runtimes(t) {
		t.Run(runtime, func(t *testing.T) {
			r := runProbe(t, runtime, nil)
			b, _ := json.MarshalIndent(r, "", " ")
			t.Logf("%s", b)
			_ = unix.AF_ALG
			_ = strings.ToUpper
		})
	}
}
