package image

import (
	"cmp"
	"maps"

	specs "github.com/opencontainers/image-spec/specs-go/v1"
)

// EntryEdit changes an entry of a manifest list: what is empty stays as it is.
type EntryEdit struct {
	Platform
	OSVersion   string
	OSFeatures  []string
	Annotations map[string]string
}

// Apply changes the entry.
func (e EntryEdit) Apply(d *specs.Descriptor) {
	p := specs.Platform{}
	if d.Platform != nil {
		p = *d.Platform
	}
	p.OS, p.Architecture, p.Variant = cmp.Or(e.OS, p.OS), cmp.Or(e.Arch, p.Architecture), cmp.Or(e.Variant, p.Variant)
	p.OSVersion = cmp.Or(e.OSVersion, p.OSVersion)
	if len(e.OSFeatures) > 0 {
		p.OSFeatures = e.OSFeatures
	}
	d.Platform = &p
	if len(e.Annotations) > 0 {
		all := maps.Clone(d.Annotations)
		if all == nil {
			all = map[string]string{}
		}
		maps.Copy(all, e.Annotations)
		d.Annotations = all
	}
}

// ListAdd says what is put into a manifest list.
type ListAdd struct {
	Access
	EntryEdit
	All bool // every image of a name that is itself a list, not only the one for this machine or for Platform
}

// Manifest is a manifest as its registry or file has it.
type Manifest struct {
	Type string // media type
	Text []byte
}
