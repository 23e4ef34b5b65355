package hostile

import (
	"io"
	"net/http"
	"strings"
	"time"
)

// verb is a command that asks a registry for something. The zero verb pulls.
type verb struct {
	name string
	// args are the words of the command for a registry; its flags come behind them.
	args func(host string) []string
	// path is where a lie looks for what it lies about, which this verb asks for otherwise.
	path func(r *http.Request, img image, asked int) string
	// honest answers when no lie does.
	honest func(w http.ResponseWriter, r *http.Request)
	// patience is how long the registry may be silent for each moment of the limit.
	patience time.Duration
}

// verbs are those besides pull. What they work with is made by equip.
func verbs() []verb {
	pushes := func(name string, words ...string) verb {
		return verb{
			name: name, patience: 5, path: pushed, honest: takes,
			args: func(host string) []string { return append(append([]string{}, words...), host+"/app:latest") },
		}
	}
	return []verb{
		pushes("push", "push", "-q", "--retry", "0", "localhost/base"),
		{
			name: "login", path: loggedIn, honest: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) },
			args: func(host string) []string { return []string{"login", host} },
		},
		{name: "search", path: searched, honest: finds, args: func(host string) []string { return []string{"search", host + "/app"} }},
		{name: "artifact pull", args: func(host string) []string {
			return []string{"artifact", "pull", "-q", "--retry", "0", host + "/app:latest"}
		}},
		pushes("artifact push", "artifact", "push", "-q", "--retry", "0", "localhost/thing:1"),
		{name: "manifest inspect", args: func(host string) []string { return []string{"manifest", "inspect", host + "/app:latest"} }},
		pushes("manifest push", "manifest", "push", "-q", "--all", "localhost/list"),
	}
}

// pulled: all is told.
func pulled(r *http.Request, _ image, _ int) string {
	if r.URL.Path == "/v2/" {
		return "v2"
	}
	return strings.TrimPrefix(r.URL.Path, "/v2/app/")
}

// pushed: a lie about a layer is told of its upload.
func pushed(r *http.Request, img image, asked int) string {
	if strings.HasPrefix(r.URL.Path, "/v2/app/blobs/uploads/") {
		return blobOf(img)
	}
	return pulled(r, img, asked)
}

// loggedIn: the registry is asked how it wants to be asked, and then with the credentials. The latter is what a lie about manifests is told of.
func loggedIn(r *http.Request, img image, asked int) string {
	if asked > 1 && r.URL.Path == "/v2/" {
		return "manifests/latest"
	}
	return pulled(r, img, asked)
}

// searched: the answers to both ways of searching are what a lie about manifests is told of.
func searched(r *http.Request, img image, asked int) string {
	if r.URL.Path == "/v1/search" || r.URL.Path == "/v2/_catalog" {
		return "manifests/latest"
	}
	return pulled(r, img, asked)
}

// takes is a registry that has nothing and takes everything.
func takes(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodHead || r.Method == http.MethodGet && r.URL.Path != "/v2/":
		http.NotFound(w, r)
	case r.Method == http.MethodPost, r.Method == http.MethodPatch:
		w.Header().Set("Location", "/v2/app/blobs/uploads/1")
		drainBody(r)
		w.WriteHeader(http.StatusAccepted)
	case r.Method == http.MethodPut:
		drainBody(r)
		w.WriteHeader(http.StatusCreated)
	}
}

func drainBody(r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }

func finds(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/search":
		body("application/json", []byte(`{"results":[{"name":"app"}]}`))(w, r)
	case "/v2/_catalog":
		body("application/json", []byte(`{"repositories":["app"]}`))(w, r)
	}
}
