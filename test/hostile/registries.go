package hostile

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// lie is a registry that lies about one image. It answers for paths within the repository, "manifests/REFERENCE" or "blobs/DIGEST", and for "v2",
// the first question of a client.
type lie struct {
	name string
	// img is what it has; zero: an image with one small layer that no other has.
	img image
	// manifest and config change those of the small image; with makes an answer about it.
	manifest, config func(map[string]any)
	with             func(img image) answer
	// answer answers instead of an honest registry; false: it does not want to. asked counts requests, this one included.
	answer answer
	args   []string // further arguments of the command
	env    []string
	tag    string // after the repository's name, ":latest" where it is empty
	verb   verb
	told   *atomic.Bool // set once it was; nil: nobody asks
	late   bool         // it is meant to take as long as the limit of silence allows
}

// answer answers a request; false: it does not want to.
type answer func(w http.ResponseWriter, r *http.Request, what string, asked int) bool

// silence is how long these registries may be silent.
const silence = 1500 * time.Millisecond

// smallImage is honest. Its layer does not pack well, so that there is something to cut, and is like no other.
func smallImage(seed string) image {
	var noise bytes.Buffer
	for i := range 300 {
		sum := sha512.Sum512([]byte(seed + strconv.Itoa(i)))
		noise.Write(sum[:])
	}
	return newImage(packed(archive(file("f", noise.String()))))
}

// prepare makes the image, and the answer about it.
func (l *lie) prepare() {
	if l.img.manifest == nil {
		l.img = smallImage(l.name)
	}
	if l.config != nil {
		l.img.config = edit(l.img.config, l.config)
		config := describe(ociConfig, l.img.config)
		l.img.manifest = edit(l.img.manifest, func(m map[string]any) { m["config"] = config })
	}
	if l.manifest != nil {
		l.img.manifest = edit(l.img.manifest, l.manifest)
	}
	if l.with != nil {
		l.answer = l.with(l.img)
	}
}

func edit(object []byte, change func(map[string]any)) []byte {
	var m map[string]any
	if err := json.Unmarshal(object, &m); err != nil {
		panic(err)
	}
	change(m)
	return text(m)
}

// configured is an image whose configuration is this.
func configured(config []byte) image {
	img := smallImage(string(config))
	img.config = config
	img.manifest = edit(img.manifest, func(m map[string]any) { m["config"] = describe(ociConfig, config) })
	return img
}

func firstLayer(m map[string]any) map[string]any { return m["layers"].([]any)[0].(map[string]any) }

// to answers requests whose path begins so.
func to(prefix string, answer func(w http.ResponseWriter, r *http.Request)) func(http.ResponseWriter, *http.Request, string, int) bool {
	return func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
		if !strings.HasPrefix(what, prefix) {
			return false
		}
		answer(w, r)
		return true
	}
}

func blobOf(img image) string   { return "blobs/" + digestOf(img.layers[0].blob) }
func configOf(img image) string { return "blobs/" + digestOf(img.config) }

func body(kind string, b []byte) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		if kind != "" {
			w.Header().Set("Content-Type", kind)
		}
		_, _ = w.Write(b)
	}
}

// endless never stops to send.
func endless(kind string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind)
		for piece := bytes.Repeat([]byte(" "), 1<<16); ; {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}
}

func hang(_ http.ResponseWriter, r *http.Request) {
	drainBody(r) // the server sees that a client has gone only once it has read what that sent
	<-r.Context().Done()
}

// drip sends a byte now and then.
func drip(b []byte, length int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", ociManifest)
		w.Header().Set("Content-Length", strconv.Itoa(length))
		for i := range b {
			if _, err := w.Write(b[i : i+1]); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-r.Context().Done():
				return
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
}

// cut sends the first n bytes of b and ends the connection.
func cut(b []byte, n int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b[:n])
		panic(http.ErrAbortHandler)
	}
}

func status(code int, header map[string]string, text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(code)
		_, _ = io.WriteString(w, text)
	}
}

func redirect(url string) func(http.ResponseWriter, *http.Request) {
	return status(http.StatusTemporaryRedirect, map[string]string{"Location": url}, "")
}

// raw answers with these bytes instead of HTTP.
func raw(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, text)
		conn.Close()
	}
}

// lies are the registries that are spoken to over plain HTTP without credentials. other is a server that must not be asked for anything.
func lies(other string) []lie {
	var all []lie
	for _, group := range [][]lie{wrongManifests(), wrongDigests(), wrongConfigs(), wrongLists(), wrongBlobs(), silentOnes(), angryOnes(), wrongHTTP(other), wrongTags()} {
		all = append(all, group...)
	}
	return all
}

func wrongManifests() []lie {
	small := smallImage("shared")
	sent := func(name, kind string, b []byte) lie {
		return lie{name: "manifest " + name, img: small, answer: to("manifests/", body(kind, b))}
	}
	deep := strings.Repeat("[", 100000)
	var many []layer
	for i := range 600 {
		many = append(many, plain(archive(file(strconv.Itoa(i), ""))))
	}
	return []lie{
		{name: "honest"},
		sent("of HTML", "text/html", []byte("<html>log in</html>")),
		sent("of another type", "application/vnd.oci.image.index.v1+json", small.manifest),
		sent("of no type", "", small.manifest),
		sent("of an unknown type", "application/x-evil", small.manifest),
		sent("empty", ociManifest, nil), sent("of text", ociManifest, []byte("evil")), sent("as an array", ociManifest, []byte("[]")), sent("as null", ociManifest, []byte("null")),
		sent("as a number", ociManifest, []byte("1e999")), sent("deeply nested", ociManifest, []byte(deep)),
		sent("of two types", ociManifest, text(map[string]any{
			"schemaVersion": 2, "mediaType": ociManifest, "config": describe(ociConfig, small.config),
			"layers": []any{}, "manifests": []any{describe(ociManifest, small.manifest)},
		})),
		sent("that says another type", ociManifest, text(map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "config": describe(ociConfig, small.config), "layers": []any{}})),
		sent("of schema 1", "application/vnd.docker.distribution.manifest.v1+prettyjws", []byte(`{"schemaVersion":1,"name":"../x","tag":"y","fsLayers":[{"blobSum":"sha256:../"}],"history":[{"v1Compatibility":"{}"}]}`)),
		sent("of schema 9", ociManifest, []byte(`{"schemaVersion":9}`)),
		sent("without configuration", ociManifest, text(map[string]any{"schemaVersion": 2, "mediaType": ociManifest, "layers": []any{}})),
		{name: "manifest without end", answer: to("manifests/", endless(ociManifest))},
		{name: "manifest of 5 GiB", answer: to("manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(5<<30))
			endless(ociManifest)(w, r)
		})},
		{name: "manifest with another digest in the header", img: small, answer: to("manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Docker-Content-Digest", digestOf([]byte("other")))
			body(ociManifest, small.manifest)(w, r)
		})},
		{name: "manifest that was not asked for", tag: "@" + digestOf([]byte("other"))},
		{name: "manifest with 600 layers", img: newImage(many...)},
		{name: "manifest with 20000 layers", manifest: func(m map[string]any) {
			l := m["layers"].([]any)[0]
			var layers []any
			for range 20000 {
				layers = append(layers, l)
			}
			m["layers"] = layers
		}},
		{name: "manifest with a layer twice", manifest: func(m map[string]any) { m["layers"] = append(m["layers"].([]any), m["layers"].([]any)[0]) }},
		{name: "manifest with layers elsewhere", manifest: func(m map[string]any) { firstLayer(m)["urls"] = []string{"http://127.0.0.1:1/x"} }},
		{name: "manifest with layers of an unknown type", manifest: func(m map[string]any) { firstLayer(m)["mediaType"] = "application/x-evil" }},
		{name: "manifest with an encrypted layer", manifest: func(m map[string]any) { firstLayer(m)["mediaType"] = ociLayer + "+gzip+encrypted" }},
		{name: "manifest of an artifact", manifest: func(m map[string]any) { m["config"].(map[string]any)["mediaType"] = "application/x-evil" }},
		{name: "manifest with a table of contents that is none", manifest: func(m map[string]any) {
			firstLayer(m)["annotations"] = map[string]string{"io.github.containers.zstd-chunked.manifest-checksum": "sha256:../x", "io.github.containers.zstd-chunked.manifest-position": "-1:-1:-1:9"}
		}},
	}
}

func wrongDigests() (out []lie) {
	small := smallImage("shared")
	for what, d := range map[string]string{
		"with parents": "sha256:../../../../etc/passwd", "with a question": "sha256:" + strings.Repeat("a", 64) + "?x", "with a fragment": "sha256:" + strings.Repeat("a", 64) + "#x",
		"in upper case": strings.ToUpper(digestOf(small.layers[0].blob)[7:]), "in upper case with algorithm": "sha256:" + strings.ToUpper(digestOf(small.layers[0].blob)[7:]),
		"of md5": "md5:" + strings.Repeat("a", 32), "of nothing known": "evil:" + strings.Repeat("a", 64), "too short": "sha256:abc", "empty": "", "with escapes": "sha256:\x1b[2J",
		"with a host": "//evil/" + strings.Repeat("a", 64), "of a megabyte": "sha256:" + strings.Repeat("a", 1<<20),
	} {
		out = append(out, lie{name: "digest of a layer " + what, manifest: func(m map[string]any) { firstLayer(m)["digest"] = d }},
			lie{name: "digest of the configuration " + what, manifest: func(m map[string]any) { m["config"].(map[string]any)["digest"] = d }})
	}
	for what, size := range map[string]any{"smaller": 10, "larger": 99999999, "negative": -5, "huge": int64(1) << 62, "in words": "many"} {
		out = append(out, lie{name: "size of a layer " + what, manifest: func(m map[string]any) { firstLayer(m)["size"] = size }},
			lie{name: "size of the configuration " + what, manifest: func(m map[string]any) { m["config"].(map[string]any)["size"] = size }})
	}
	by512 := smallImage("sha512")
	sum := sha512.Sum512(by512.layers[0].blob)
	long := "sha512:" + hex.EncodeToString(sum[:])
	out = append(out, lie{
		name: "digest by sha512", img: by512, manifest: func(m map[string]any) { firstLayer(m)["digest"] = long },
		answer: to("blobs/"+long, body("", by512.layers[0].blob)),
	})
	return sortedLies(out)
}

func wrongConfigs() []lie {
	escape := "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e"
	labels := map[string]string{}
	for i := range 2000 {
		labels[fmt.Sprint(escape, i)] = strings.Repeat(escape, 50)
	}
	diffs := func(name string, d ...string) lie {
		return lie{name: "configuration " + name, config: func(c map[string]any) { c["rootfs"] = map[string]any{"type": "layers", "diff_ids": d} }}
	}
	small := smallImage("shared")
	return []lie{
		{name: "configuration of text", img: configured([]byte("evil"))},
		{name: "configuration as an array", img: configured([]byte("[]"))},
		{name: "configuration deeply nested", img: configured([]byte(`{"config":` + strings.Repeat("[", 100000)))},
		{name: "configuration of nothing", img: configured(nil)},
		{name: "configuration of another system", config: func(c map[string]any) { c["os"] = "windows" }},
		{name: "configuration of a system with escapes", config: func(c map[string]any) { c["os"] = escape }},
		diffs("without layers"),
		diffs("with another layer", digestOf([]byte("other"))),
		diffs("with more layers", small.layers[0].diff, small.layers[0].diff),
		diffs("with a digest that is none", "sha256:../../x"),
		diffs("with a digest by md5", "md5:"+strings.Repeat("a", 32)),
		{name: "configuration with two megabytes of labels", config: func(c map[string]any) {
			c["config"] = map[string]any{"Labels": labels, "Cmd": []string{escape}, "Env": []string{escape + "=" + escape}}
			c["author"] = escape
			c["history"] = []map[string]any{{"created_by": escape, "comment": escape}}
		}},
		{name: "configuration of 5 MiB", img: configured(append(text(map[string]any{"os": "linux"}), bytes.Repeat([]byte(" "), 5<<20)...))},
		{name: "configuration with other content", with: func(small image) answer {
			return to(configOf(small), body("", bytes.Replace(small.config, []byte("amd64"), []byte("evil!"), 1)))
		}},
		{name: "configuration cut", with: func(small image) answer { return to(configOf(small), body("", small.config[:50])) }},
		{name: "configuration with more behind", with: func(small image) answer {
			return to(configOf(small), body("", append(bytes.Clone(small.config), "more"...)))
		}},
		{name: "configuration without end", with: func(small image) answer { return to(configOf(small), endless("")) }},
		{name: "configuration missing", with: func(small image) answer { return to(configOf(small), status(404, nil, "no")) }},
	}
}

func wrongLists() []lie {
	small := smallImage("shared")
	entry := func(d descriptor, arch string) descriptor {
		d.Platform = map[string]string{"os": "linux", "architecture": arch}
		return d
	}
	index := func(entries ...descriptor) []byte {
		return text(map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": entries})
	}
	top := func(name string, list []byte, more ...[]byte) lie {
		return lie{name: "list " + name, img: small, answer: func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
			if what == "manifests/latest" {
				body(ociIndex, list)(w, r)
				return true
			}
			for _, b := range more {
				if what == "manifests/"+digestOf(b) {
					body(ociIndex, b)(w, r)
					return true
				}
			}
			if strings.HasPrefix(what, "manifests/") && what != "manifests/"+digestOf(small.manifest) {
				http.NotFound(w, r)
				return true
			}
			return false
		}}
	}
	good := entry(describe(ociManifest, small.manifest), "amd64")
	inner := index(good)
	var many []descriptor
	for i := range 10000 {
		many = append(many, entry(describe(ociManifest, []byte(strconv.Itoa(i))), "s390x"))
	}
	evil := good
	evil.Digest = "sha256:../../x"
	lost := good
	lost.Digest = digestOf([]byte("lost"))
	other := top("with an image of another digest", index(lost))
	other.answer = func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
		if what == "manifests/latest" {
			body(ociIndex, index(lost))(w, r)
			return true
		}
		return false // whatever else is asked for, the small image's
	}
	return []lie{
		top("honest", index(good)), top("empty", index()), top("for other machines", index(many[:3]...)), top("with 10000 entries", index(append(many, good)...)),
		top("with 100000 entries", index(append(append(append(append(many, many...), many...), many...), good)...)),
		top("of a list", index(entry(describe(ociIndex, inner), "amd64")), inner), top("of a list that says it is an image", index(entry(describe(ociManifest, inner), "amd64")), inner),
		top("with a digest that is none", index(evil)), top("with an image that is missing", index(lost)), other,
		top("without platforms", index(describe(ociManifest, small.manifest))), top("of text", []byte("evil")), top("deeply nested", []byte(`{"manifests":`+strings.Repeat("[", 100000))),
	}
}

func wrongBlobs() []lie {
	sent := func(name string, change func(blob []byte) []byte) lie {
		return lie{name: "blob " + name, with: func(img image) answer { return to(blobOf(img), body("", change(bytes.Clone(img.layers[0].blob)))) }}
	}
	does := func(name string, do func(http.ResponseWriter, *http.Request)) lie {
		return lie{name: "blob " + name, with: func(img image) answer { return to(blobOf(img), do) }}
	}
	// after says what comes when the blob is asked for again, once it was cut.
	after := func(name string, again func(blob []byte, half int) func(http.ResponseWriter, *http.Request)) lie {
		return lie{name: "blob cut, then " + name, with: func(img image) answer {
			blob, first := img.layers[0].blob, true
			return to(blobOf(img), func(w http.ResponseWriter, r *http.Request) {
				if first {
					first = false
					cut(blob, len(blob)/2)(w, r)
				}
				again(blob, len(blob)/2)(w, r)
			})
		}}
	}
	part := func(from, to, all int, b []byte) func(http.ResponseWriter, *http.Request) {
		return status(206, map[string]string{"Content-Range": fmt.Sprintf("bytes %d-%d/%d", from, to, all)}, string(b))
	}
	return []lie{
		sent("with other content", func(b []byte) []byte { b[len(b)/2] ^= 1; return b }), sent("with more behind", func(b []byte) []byte { return append(b, "more"...) }),
		sent("that is shorter", func(b []byte) []byte { return b[:len(b)/2] }), sent("that is empty", func([]byte) []byte { return nil }),
		sent("of HTML", func([]byte) []byte { return []byte("<html>") }), does("without end", endless("")), does("missing", status(404, nil, "")),
		{name: "blob cut always", with: func(img image) answer { return to(blobOf(img), cut(img.layers[0].blob, 9000)) }},
		after("the rest", func(b []byte, h int) func(http.ResponseWriter, *http.Request) {
			return part(h, len(b)-1, len(b), b[h:])
		}),
		after("the whole", func(b []byte, _ int) func(http.ResponseWriter, *http.Request) { return body("", b) }),
		after("another range", func(b []byte, h int) func(http.ResponseWriter, *http.Request) {
			return part(0, len(b)-h-1, len(b), b[:len(b)-h])
		}),
		after("a range in words", func([]byte, int) func(http.ResponseWriter, *http.Request) {
			return status(206, map[string]string{"Content-Range": "evil"}, "x")
		}),
		after("another rest", func(b []byte, h int) func(http.ResponseWriter, *http.Request) {
			return part(h, len(b)-1, len(b), bytes.Repeat([]byte("x"), len(b)-h))
		}),
		after("an error", func([]byte, int) func(http.ResponseWriter, *http.Request) { return status(500, nil, "no") }),
		after("a range that is too long", func(b []byte, h int) func(http.ResponseWriter, *http.Request) {
			return part(h, len(b)+9, len(b)+10, append(bytes.Clone(b[h:]), "0123456789"...))
		}),
	}
}

func sortedLies(l []lie) []lie {
	for i := range l {
		for j := i; j > 0 && l[j].name < l[j-1].name; j-- {
			l[j], l[j-1] = l[j-1], l[j]
		}
	}
	return l
}
