package container

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// ImageConfig is the part of an image's configuration that says how to run it. It comes from whoever made the image and
// is never trusted.
type ImageConfig = v1.ImageConfig

// What an image may bring. Real images stay far below; the kernel's own bound on arguments and environment is 2 MiB.
const (
	maxImageText    = 1 << 20 // bytes of environment, of command and of labels, each
	maxImageEntries = 1024    // volumes, and exposed ports
)

const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ApplyImage completes c, which Validate has accepted, with what the image says, by docker's rules: what a person gave
// wins, and an entrypoint given by a person makes the image's command void. HOME and HOSTNAME depend on the start and
// are left to oci.Spec. It is pure; an error names what in the image is wrong and which flag stands in for it.
func (c *Config) ApplyImage(img ImageConfig) error {
	if err := checkImageSize(img); err != nil {
		return c.imageError(err)
	}
	for _, apply := range []func(ImageConfig) error{
		c.applyCommand, c.applyEnv, c.applyWorkdir, c.applyUser, c.applyStopSignal, c.applyLabels, c.applyVolumes, c.applyPorts,
	} {
		if err := apply(img); err != nil {
			return c.imageError(err)
		}
	}
	return nil
}

func (c *Config) imageError(err error) error {
	return fmt.Errorf("image %q: %w", clip(c.Image.Name), err)
}

func checkImageSize(img ImageConfig) error {
	labels := make([]string, 0, len(img.Labels))
	for k, v := range img.Labels {
		labels = append(labels, k+v)
	}
	command := append(slices.Clone(img.Entrypoint), img.Cmd...)
	for i, list := range [][]string{img.Env, command, labels} {
		what := []string{"its ENV", "its ENTRYPOINT or CMD", "its LABEL"}[i]
		sum := 0
		for _, s := range list {
			if err := checkText(what, s); err != nil {
				return err
			}
			sum += len(s) + 1
		}
		if sum > maxImageText {
			return invalid("%s is larger than %d bytes; use another image", what, maxImageText)
		}
	}
	if len(img.Volumes) > maxImageEntries || len(img.ExposedPorts) > maxImageEntries {
		return invalid("it has more than %d entries in VOLUME or EXPOSE; use another image", maxImageEntries)
	}
	return nil
}

func (c *Config) applyCommand(img ImageConfig) error {
	p := &c.Process
	if p.Entrypoint == nil {
		p.Entrypoint = slices.Clone(img.Entrypoint)
		if len(p.Args) == 0 {
			p.Args = slices.Clone(img.Cmd)
		}
	}
	// Neither may be nil any more: nil means open.
	p.Entrypoint, p.Args = append([]string{}, p.Entrypoint...), append([]string{}, p.Args...)
	if len(p.Argv()) == 0 || p.Argv()[0] == "" {
		return invalid("there is no command to run; give one after the image's name")
	}
	return nil
}

func (c *Config) applyEnv(img ImageConfig) error {
	p := &c.Process
	base := []string{defaultPath, "container=pod"}
	if p.Terminal {
		base = append(base, "TERM=xterm")
	}
	base = MergeEnv(base, p.DefaultEnv, imageEnv(img.Env))
	if p.UnsetEnvAll {
		base = nil
	}
	base = slices.DeleteFunc(base, func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(p.UnsetEnv, name)
	})
	p.Env = MergeEnv(base, p.Env)
	return nil
}

// imageEnv drops entries that another engine took for requests for the caller's own variables (CVE-2026-57231).
func imageEnv(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		name, _, ok := strings.Cut(entry, "=")
		return !ok || strings.Contains(name, "*") || checkEnvName(entry, name) != nil
	})
}

func (c *Config) applyWorkdir(img ImageConfig) error {
	p := &c.Process
	if p.Workdir == "" {
		if p.Workdir = img.WorkingDir; !strings.HasPrefix(p.Workdir, "/") {
			p.Workdir = "/" + p.Workdir
		}
		if err := checkWorkdir(p.Workdir); err != nil {
			return err
		}
	}
	p.Workdir = path.Clean(p.Workdir)
	return nil
}

func (c *Config) applyUser(img ImageConfig) error {
	if c.Process.User == "" {
		c.Process.User = img.User
	}
	return CheckUser(c.Process.User)
}

func (c *Config) applyStopSignal(img ImageConfig) error {
	if c.Stop.Signal == "" {
		c.Stop.Signal = img.StopSignal
	}
	if c.Stop.Signal == "" {
		c.Stop.Signal = DefaultStopSignal
	}
	sig, err := ParseSignal(c.Stop.Signal)
	if err != nil {
		return fmt.Errorf("its STOPSIGNAL %w", err)
	}
	c.Stop.Signal = SignalName(sig)
	return nil
}

// reservedLabels are prefixes of labels and annotations by which a program acts on a container. An image must not
// choose that (CVE-2026-53488).
func reservedLabels() []string {
	return []string{"io.pod.", "io.podman.", "io.container.manager", "run.oci.", "org.systemd.property.", "com.docker.compose."}
}

func (c *Config) applyLabels(img ImageConfig) error {
	merged := make(map[string]string)
	for k, v := range img.Labels {
		reserved := slices.ContainsFunc(reservedLabels(), func(prefix string) bool { return strings.HasPrefix(k, prefix) })
		if !reserved && checkLabel(k, v) == nil {
			merged[k] = v
		}
	}
	maps.Copy(merged, c.Labels)
	if len(merged) == 0 {
		merged = nil
	}
	c.Labels = merged
	return nil
}

// applyVolumes refuses paths that would replace the kernel's file systems or leave the root (CVE-2019-16884,
// CVE-2022-23648).
func (c *Config) applyVolumes(img ImageConfig) error {
	c.Image.Volumes = nil
	for v := range img.Volumes {
		for part := range strings.SplitSeq(v, "/") {
			if part == ".." {
				return invalid("its VOLUME %q leaves the root; use another image", clip(v))
			}
		}
		m := Mount{Type: MountBind, Destination: cleanDestination(v)}
		if err := checkDestination(m.Destination); err != nil {
			return fmt.Errorf("its VOLUME: %w", err)
		}
		if top, _, _ := strings.Cut(m.Destination[1:], "/"); top == "proc" || top == "sys" || top == "dev" {
			return invalid("its VOLUME %q lies in the kernel's file systems; use another image", clip(v))
		}
		c.Image.Volumes = append(c.Image.Volumes, m.Destination)
	}
	slices.Sort(c.Image.Volumes)
	c.Image.Volumes = slices.Compact(c.Image.Volumes)
	return nil
}

func (c *Config) applyPorts(img ImageConfig) error {
	c.Image.ExposedPorts = nil
	for e := range img.ExposedPorts {
		full, err := ParseExpose(e)
		if err != nil {
			return fmt.Errorf("its EXPOSE: %w", err)
		}
		c.Image.ExposedPorts = append(c.Image.ExposedPorts, full)
	}
	slices.Sort(c.Image.ExposedPorts)
	c.Image.ExposedPorts = slices.Compact(c.Image.ExposedPorts)
	if c.Network.PublishAll {
		c.publishAll()
	}
	return nil
}

// publishAll adds a port of the host, chosen at start, for every exposed one that is not published already.
func (c *Config) publishAll() {
	for _, e := range append(slices.Clone(c.Image.ExposedPorts), c.Network.Expose...) {
		p, err := ParsePort(e)
		taken := slices.ContainsFunc(c.Network.Ports, func(q Port) bool {
			return p.Protocol == q.Protocol && p.ContainerPort >= q.ContainerPort && int(p.ContainerPort)+int(p.Count) <= int(q.ContainerPort)+int(q.Count)
		})
		if err == nil && !taken {
			c.Network.Ports = append(c.Network.Ports, p)
		}
	}
}
