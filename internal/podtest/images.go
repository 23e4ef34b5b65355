package podtest

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/pod-engine/pod/internal/imagearchive"
)

// Names of the images that tests use.
const (
	BoxImage   = "localhost/box:latest"   // busybox with its applets, users root, bin and app
	ProbeImage = "localhost/probe:latest" // a program that reports what it can see and do (test/e2e/probe)
)

// Box is an image with a shell and the usual tools.
func Box() (imagearchive.Image, error) {
	const program = "/bin/busybox"
	data, err := os.ReadFile(program)
	if err != nil {
		return imagearchive.Image{}, err
	}
	out, err := exec.Command(program, "--list").Output()
	if err != nil {
		return imagearchive.Image{}, err
	}
	files := append(base(), imagearchive.File{Name: "bin/busybox", Mode: 0o755, Data: data})
	for _, applet := range strings.Fields(string(out)) {
		if applet != "busybox" {
			files = append(files, imagearchive.File{Name: "bin/" + applet, Link: "busybox"})
		}
	}
	files = append(files,
		imagearchive.File{Name: "plain.txt", Mode: 0o644, Data: []byte("not a program\n")},
		imagearchive.File{Name: "broken", Mode: 0o755, Data: []byte("#!/no/such/interpreter\n")},
	)
	return imagearchive.Image{
		Name: BoxImage, Arch: runtime.GOARCH, Files: files,
		Config: imagearchive.Config{Cmd: []string{"sh"}, Env: []string{"PATH=/bin"}, Labels: map[string]string{"from": "image"}},
	}, nil
}

// Probe is the image of the probe program, which was built at path.
func Probe(path string) (imagearchive.Image, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return imagearchive.Image{}, err
	}
	return imagearchive.Image{
		Name: ProbeImage, Arch: runtime.GOARCH,
		Config: imagearchive.Config{Entrypoint: []string{"/probe"}, Env: []string{"PATH=/"}},
		Files:  append(base(), imagearchive.File{Name: "probe", Mode: 0o755, Data: data}),
	}, nil
}

// base is what images usually have.
func base() []imagearchive.File {
	dir := func(name string, mode fs.FileMode) imagearchive.File {
		return imagearchive.File{Name: name, Mode: fs.ModeDir | mode}
	}
	text := func(name, content string) imagearchive.File {
		return imagearchive.File{Name: name, Mode: 0o644, Data: []byte(content)}
	}
	return []imagearchive.File{
		dir("bin", 0o755), dir("etc", 0o755), dir("home", 0o755),
		{Name: "home/app", Mode: fs.ModeDir | 0o755, UID: 1000, GID: 1000},
		dir("root", 0o700), dir("tmp", fs.ModeSticky|0o777), dir("var", 0o755),
		{Name: "var/run", Link: "/run"},
		text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbin:x:1:1:bin:/bin:/bin/false\napp:x:1000:1000:app:/home/app:/bin/sh\n"),
		text("etc/group", "root:x:0:\nbin:x:1:\nwheel:x:10:app\napp:x:1000:\n"),
	}
}

// WriteArchives writes box.tar and, when the probe was built, probe.tar to dir.
func WriteArchives(dir, probe string) error {
	box, err := Box()
	if err != nil {
		return err
	}
	if err := writeArchive(filepath.Join(dir, "box.tar"), box); err != nil || probe == "" {
		return err
	}
	image, err := Probe(probe)
	if err != nil {
		return err
	}
	return writeArchive(filepath.Join(dir, "probe.tar"), image)
}

func writeArchive(path string, image imagearchive.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return imagearchive.Write(f, image)
}
