package build

import (
	"maps"

	"github.com/pod-engine/pod/pkg/build/plan"
)

// Annotations are those of images, by the platform that an image is for; the zero platform is any.
type Annotations map[plan.Platform]map[string]string

// Set gives the images for a platform an annotation.
func (a Annotations) Set(p plan.Platform, key, value string) {
	if a[p] == nil {
		a[p] = map[string]string{}
	}
	a[p][key] = value
}

// For are the annotations of the image for a platform; nil: it has none.
func (a Annotations) For(p plan.Platform) map[string]string {
	if len(a[p]) == 0 {
		return a[plan.Platform{}]
	}
	all := map[string]string{}
	maps.Copy(all, a[plan.Platform{}])
	maps.Copy(all, a[p])
	return all
}
