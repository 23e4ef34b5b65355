package hostile

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// These registries are silent, angry, or no good at HTTP; what they have would be honest.

func silentOnes() []lie {
	late := func(name string, with func(img image) answer) lie { return lie{name: name, late: true, with: with} }
	at := func(path string) func(image) answer { return func(image) answer { return to(path, hang) } }
	return []lie{
		late("silence at the first question", at("v2")), late("silence at the manifest", at("manifests/")),
		late("silence at the configuration", func(img image) answer { return to(configOf(img), hang) }),
		late("silence at a layer", func(img image) answer { return to(blobOf(img), hang) }),
		late("silence amid a layer", func(img image) answer {
			return to(blobOf(img), func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Length", strconv.Itoa(len(img.layers[0].blob)))
				_, _ = w.Write(img.layers[0].blob[:9000])
				w.(http.Flusher).Flush()
				hang(w, r)
			})
		}),
		late("a byte at a time of the manifest", func(img image) answer { return to("manifests/", drip(img.manifest, len(img.manifest))) }),
		late("a byte at a time of the configuration", func(img image) answer { return to(configOf(img), drip(img.config, len(img.config))) }),
		late("a byte at a time of a layer", func(img image) answer { return to(blobOf(img), drip(img.layers[0].blob, len(img.layers[0].blob))) }),
	}
}

func angryOnes() []lie {
	long := map[string]string{"Retry-After": "999999999"}
	say := func(s string) string { return `{"errors":[{"code":"UNKNOWN","message":` + string(text(s)) + `}]}` }
	return []lie{
		{name: "too many requests for 31 years", late: true, answer: to("manifests/", status(429, long, ""))},
		{name: "too many requests until a date", late: true, answer: to("manifests/", status(429, map[string]string{"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, ""))},
		{name: "too many requests for less than nothing", answer: to("manifests/", status(429, map[string]string{"Retry-After": "-5"}, ""))},
		{name: "overload for 31 years", answer: to("manifests/", status(503, long, "")), args: []string{"--retry", "2", "--retry-delay", "10ms"}},
		{name: "overload, then honest", answer: func(w http.ResponseWriter, _ *http.Request, what string, asked int) bool {
			if asked > 2 || what == "v2" {
				return false
			}
			w.WriteHeader(503)
			return true
		}, args: []string{"--retry", "3", "--retry-delay", "10ms"}},
		{name: "an error of a megabyte", answer: to("manifests/", status(500, nil, strings.Repeat("evil ", 200000)))},
		{name: "an error with escapes", answer: to("manifests/", status(400, map[string]string{"Content-Type": "application/json"}, say("\x1b]0;owned\x07\x1b[2J\nError: all is well")))},
		{name: "an error of a long message", answer: to("manifests/", status(400, map[string]string{"Content-Type": "application/json"}, say(strings.Repeat("evil ", 9999))))},
		{name: "a warning with escapes", img: smallImage("shared"), answer: to("manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Warning", `299 - "\x1b[2J\x07evil"`)
			body(ociManifest, smallImage("shared").manifest)(w, r)
		})},
		{name: "teapot", answer: to("v2", status(418, nil, "short and stout"))},
		{name: "forbidden", answer: to("manifests/", status(403, nil, "no"))},
		{name: "success without content", answer: to("manifests/", status(204, nil, ""))},
		{name: "part of a manifest", answer: to("manifests/", status(206, nil, "{"))},
	}
}

func wrongHTTP(other string) []lie {
	bomb := gz(make([]byte, 20<<20))
	return []lie{
		{name: "redirect in a circle", answer: to("manifests/", func(w http.ResponseWriter, r *http.Request) { redirect(r.URL.Path)(w, r) })},
		{name: "redirect to a file", answer: to("manifests/", redirect("file:///etc/passwd"))},
		{name: "redirect of a layer to a file", with: func(small image) answer { return to(blobOf(small), redirect("file:///etc/passwd")) }},
		{name: "redirect nowhere", answer: to("manifests/", redirect(""))},
		{name: "redirect to nonsense", answer: to("manifests/", redirect("http://[::1]:namedport/"))},
		{name: "redirect to the metadata of a cloud", answer: to("manifests/", redirect("http://169.254.169.254/latest/meta-data/"))},
		{name: "redirect to the metadata of a cloud by IPv6", with: func(small image) answer { return to(blobOf(small), redirect("http://[fd00:ec2::254]/latest")) }},
		{name: "redirect to the metadata of a cloud by name", with: func(small image) answer { return to(blobOf(small), redirect("http://metadata.google.internal/x")) }},
		{name: "redirect to another registry", with: func(small image) answer { return to(blobOf(small), redirect(other+"/blob")) }},
		{name: "chunks of nonsense", answer: to("manifests/", raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: "+ociManifest+"\r\n\r\nzzz\r\n{}\r\n"))},
		{name: "chunks of a layer of nonsense", with: func(small image) answer {
			return to(blobOf(small), raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx\r\n"))
		}},
		{name: "two lengths", answer: to("manifests/", raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 9\r\n\r\n{}"))},
		{name: "a negative length", answer: to("manifests/", raw("HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"))},
		{name: "no HTTP at all", answer: to("manifests/", raw("evil\r\n"))},
		{name: "HTTP 0.9", answer: to("manifests/", raw("{}"))},
		{name: "headers without end", answer: to("manifests/", raw("HTTP/1.1 200 OK\r\nX-Evil: "+strings.Repeat("x", 12<<20)+"\r\n\r\n{}"))},
		{name: "a status with escapes", answer: to("manifests/", raw("HTTP/1.1 500 \x1b[2Jevil\r\nContent-Length: 0\r\n\r\n"))},
		{name: "a packed manifest that is a bomb", answer: to("manifests/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			body(ociManifest, bomb)(w, r)
		})},
		{name: "a packed layer", with: func(small image) answer {
			return to(blobOf(small), func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				body("", gz(small.layers[0].blob))(w, r)
			})
		}},
		{name: "a packed configuration that is a bomb", with: func(small image) answer {
			return to(configOf(small), func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				body("", bomb)(w, r)
			})
		}},
	}
}

func wrongTags() []lie {
	all := []string{"--all-tags"}
	page := 0
	return []lie{
		{name: "tags without end", late: true, tag: " ", args: all, answer: to("tags/list", func(w http.ResponseWriter, r *http.Request) {
			page++
			w.Header().Set("Link", fmt.Sprintf("<%s?n=1&last=%d>; rel=\"next\"", r.URL.Path, page))
			fmt.Fprintf(w, `{"name":"x","tags":["t%d"]}`, page)
		})},
		{name: "tags of 5 GiB", late: true, tag: " ", args: all, answer: to("tags/list", endless("application/json"))},
		{name: "tags that are none", tag: " ", args: all, answer: to("tags/list", body("", text(map[string]any{"tags": []string{"../../x", "\x1b[2J", "a:b", ""}})))},
		{name: "no tags", tag: " ", args: all, answer: to("tags/list", body("", []byte(`{"tags":null}`)))},
		{name: "tags of text", tag: " ", args: all, answer: to("tags/list", body("", []byte("evil")))},
	}
}
