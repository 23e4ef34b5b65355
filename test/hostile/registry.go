package hostile

import (
	"net/http"
	"strings"
	"sync"
)

// repositories is an honest registry of images that may be anything else. A repository has one image, whatever its tag.
type repositories struct {
	mu     sync.Mutex
	images map[string]image
}

func (r *repositories) add(name string, img image) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.images == nil {
		r.images = map[string]image{}
	}
	r.images[name] = img
}

func (r *repositories) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	name, what, _ := strings.Cut(strings.TrimPrefix(req.URL.Path, "/v2/"), "/")
	if name == "" {
		w.WriteHeader(http.StatusOK)
		return
	}
	r.mu.Lock()
	img, ok := r.images[name]
	r.mu.Unlock()
	if !ok {
		http.NotFound(w, req)
		return
	}
	img.serve(w, req, what)
}

// serve answers for "manifests/REFERENCE" and "blobs/DIGEST".
func (i image) serve(w http.ResponseWriter, req *http.Request, what string) {
	if strings.HasPrefix(what, "manifests/") {
		w.Header().Set("Content-Type", ociManifest)
		w.Header().Set("Docker-Content-Digest", digestOf(i.manifest))
		_, _ = w.Write(i.manifest)
		return
	}
	for _, b := range append([][]byte{i.config}, i.blobs()...) {
		if what == "blobs/"+digestOf(b) {
			_, _ = w.Write(b)
			return
		}
	}
	http.NotFound(w, req)
}
