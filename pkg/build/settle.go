package build

import (
	"github.com/pod-engine/pod/pkg/build/files"
	"github.com/pod-engine/pod/pkg/build/plan"
	"github.com/pod-engine/pod/pkg/image"
)

// makeWorkdir does a WORKDIR.
func (s *solve) makeWorkdir(layers image.Layers, u upper, m plan.Mkdir) error {
	root, err := s.Runner.MountOver(layers, u.upper, u.work, u.at, "")
	if err != nil {
		return err
	}
	defer root.Close()
	p := &files.Placer{Root: root, Now: s.now()}
	if m.User != "" {
		if p.Owner, err = files.LookupOwner(root, m.User); err != nil {
			return err
		}
	}
	dir, err := p.Into(m.Path)
	if err != nil {
		return err
	}
	return dir.Close()
}

// settle makes the upper directory ready to be a layer: its root is that of the layers below, and with an epoch no file is younger.
func (s *solve) settle(layers image.Layers, u upper) error {
	if len(layers.Dirs) > 0 {
		if err := files.Resemble(u.upper, layers.Dirs[0]); err != nil {
			return err
		}
	}
	if latest := s.latest(); latest != nil {
		return files.NoYounger(u.upper, *latest)
	}
	return nil
}
