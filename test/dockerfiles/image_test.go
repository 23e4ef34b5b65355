package dockerfiles

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// picture is an image as it is compared: a line for each file, by path, and for each setting, by name.
type picture struct {
	files, config map[string]string
	history       []string
}

// readSaved reads an archive of "save --multi-image-archive": the pictures of the images in it by name. It is unpacked in dir.
func readSaved(archive, dir string) (map[string]*picture, error) {
	if err := unpackFlat(archive, dir); err != nil {
		return nil, err
	}
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	if err := readJSON(filepath.Join(dir, "manifest.json"), &manifest); err != nil {
		return nil, err
	}
	out := map[string]*picture{}
	for _, m := range manifest {
		p := &picture{config: map[string]string{}}
		tree := tree{}
		for _, layer := range m.Layers {
			if err := tree.apply(filepath.Join(dir, flat(layer))); err != nil {
				return nil, fmt.Errorf("%v: layer %s: %w", m.RepoTags, layer, err)
			}
		}
		p.files = tree.lines()
		if err := p.readConfig(filepath.Join(dir, flat(m.Config))); err != nil {
			return nil, err
		}
		for _, tag := range m.RepoTags {
			out[tag] = p
		}
	}
	return out, nil
}

func flat(name string) string { return strings.ReplaceAll(path.Clean(name), "/", "_") }

// unpackFlat unpacks the files of an archive into one directory; links in it are resolved by name.
func unpackFlat(archive, dir string) error {
	f, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		to := filepath.Join(dir, flat(h.Name))
		switch h.Typeflag {
		case tar.TypeReg:
			err = writeFrom(r, to)
		case tar.TypeSymlink:
			err = os.Symlink(flat(path.Join(path.Dir(h.Name), h.Linkname)), to)
		}
		if err != nil {
			return err
		}
	}
}

func writeFrom(r io.Reader, name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(f, r)
	return err
}

func readJSON(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// node is a file of an image; several names may have the same one.
type node struct {
	kind    string
	mode    int64
	owner   string
	content string // what it holds, or where it leads
	xattrs  string
	kept    bool // its time is that of the context
}

// tree is the files of an image by path, without leading slash.
type tree map[string]*node

// apply puts a layer above those that are there.
func (t tree) apply(layer string) error {
	f, err := os.Open(layer)
	if err != nil {
		return err
	}
	defer f.Close()
	own := map[string]bool{}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		dir, last := path.Split(name)
		switch {
		case last == ".wh..wh..opq":
			t.removeBelow(path.Clean(dir), own)
		case strings.HasPrefix(last, ".wh."):
			t.remove(dir + strings.TrimPrefix(last, ".wh."))
		case name != "":
			own[name] = true
			if err := t.add(name, h, r); err != nil {
				return err
			}
		}
	}
}

func (t tree) remove(name string) {
	delete(t, name)
	t.removeBelow(name, nil)
}

// removeBelow removes what is in a directory, but not what this layer has put there.
func (t tree) removeBelow(dir string, own map[string]bool) {
	maps.DeleteFunc(t, func(name string, _ *node) bool { return strings.HasPrefix(name, dir+"/") && !own[name] })
}

func (t tree) add(name string, h *tar.Header, content io.Reader) error {
	if h.Typeflag == tar.TypeLink {
		target, ok := t[strings.TrimPrefix(path.Clean("/"+h.Linkname), "/")]
		if !ok {
			return fmt.Errorf("%s is a link to %s, which is not there", h.Name, h.Linkname)
		}
		t.remove(name)
		t[name] = target
		return nil
	}
	n := &node{mode: h.Mode & 0o7777, owner: fmt.Sprintf("%d:%d", h.Uid, h.Gid), kept: h.ModTime.Unix() == contextTime.Unix()}
	switch h.Typeflag {
	case tar.TypeDir:
		n.kind = "dir"
	case tar.TypeSymlink:
		n.kind, n.mode, n.content = "link", 0, " -> "+h.Linkname
	case tar.TypeReg:
		hash := sha256.New()
		size, err := io.Copy(hash, content)
		if err != nil {
			return err
		}
		n.kind, n.content = "file", fmt.Sprintf(" %d %.6x", size, hash.Sum(nil))
	default:
		n.kind, n.content = fmt.Sprintf("type %c", h.Typeflag), fmt.Sprintf(" %d,%d", h.Devmajor, h.Devminor)
	}
	for _, key := range slices.Sorted(maps.Keys(h.PAXRecords)) {
		// The overlay driver's own attributes get into what podman saves.
		if attribute, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok && !strings.HasPrefix(attribute, "user.overlay.") {
			n.xattrs += fmt.Sprintf(" %s=%q", attribute, h.PAXRecords[key])
		}
	}
	if n.kind != "dir" {
		t.remove(name)
	}
	t[name] = n
	return nil
}

// lines are the files as text.
func (t tree) lines() map[string]string {
	first := map[*node]string{}
	out := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		n := t[name]
		line := fmt.Sprintf("%s %o %s%s%s", n.kind, n.mode, n.owner, n.content, n.xattrs)
		if n.kept {
			line += " kept"
		}
		if earlier, ok := first[n]; ok {
			line += " = /" + earlier
		} else {
			first[n] = name
		}
		out["/"+name] = line
	}
	return out
}

// readConfig reads the settings of an image, those that are set.
func (p *picture) readConfig(file string) error {
	var image dockerspec.DockerOCIImage
	if err := readJSON(file, &image); err != nil {
		return err
	}
	text, err := json.Marshal(image.Config)
	if err != nil {
		return err
	}
	settings := map[string]any{}
	if err := json.Unmarshal(text, &settings); err != nil {
		return err
	}
	if labels, ok := settings["Labels"].(map[string]any); ok {
		delete(labels, "io.buildah.version")
	}
	settings["Author"], settings["Platform"] = image.Author, image.OS+"/"+image.Architecture
	for key, value := range settings {
		text, err := compact(value)
		if err != nil {
			return err
		}
		if text != `""` && text != "null" && text != "{}" && text != "[]" {
			p.config[key] = text
		}
	}
	for _, h := range image.History {
		line := fmt.Sprintf("%q", h.CreatedBy)
		if h.EmptyLayer {
			line += " no layer"
		}
		p.history = append(p.history, line)
	}
	return nil
}

func compact(value any) (string, error) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return strings.TrimSpace(b.String()), err
}
