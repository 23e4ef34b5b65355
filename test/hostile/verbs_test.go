package hostile

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// equip makes what the verbs work with: an image, an artifact, a list.
func (a *arena) equip() {
	a.t.Helper()
	a.registry.add("base", smallImage("base"))
	thing := filepath.Join(a.world.Dir, "t", "thing")
	if err := os.WriteFile(thing, []byte("thing"), 0o644); err != nil {
		a.t.Fatal(err)
	}
	for _, args := range [][]string{
		{"pull", "-q", "--tls-verify=false", a.host + "/base"},
		{"tag", a.host + "/base", "localhost/base"},
		{"artifact", "add", "localhost/thing:1", thing},
		{"manifest", "create", "localhost/list"},
		{"manifest", "add", "localhost/list", "localhost/base"},
	} {
		if o := a.pod(nil, args...); o.code != 0 {
			a.t.Fatalf("%v: %s", args, o.stderr)
		}
	}
}

// tell tells the lies, several at a time, and gives what became of each.
func (a *arena) tell(t *testing.T, all []lie) []result {
	// The late ones first: others work meanwhile.
	var chosen []int
	for _, late := range []bool{true, false} {
		for i := range all {
			if all[i].late == late && all[i].name != "" {
				chosen = append(chosen, i)
			}
		}
	}
	// Those that are silent cost no processor, so many may be silent at once.
	return together(len(all), 2*workers, chosen, func(i int) result { return a.lie(t, all[i]) })
}

// TestLyingRegistriesToOtherVerbs tells commands other than pull the lies that are not about images.
func TestLyingRegistriesToOtherVerbs(t *testing.T) {
	a := newArena(t)
	a.equip()
	other := newWitness(t, body("", []byte("evil")), "127.0.0.2:0").url
	var all []lie
	for i, v := range verbs() {
		told := []lie{{name: "honest"}}
		for _, group := range [][]lie{silentOnes(), angryOnes(), wrongHTTP(other)} {
			told = append(told, group...)
		}
		for n, l := range told {
			l.verb, l.args = v, nil
			if v.name == "login" {
				l = withCredentials(a, []lie{l})[0]
			}
			if n != 0 && (n+i)%sample(4) != 0 {
				l = lie{}
			}
			all = append(all, l)
		}
	}
	results := a.tell(t, all)
	a.safe()
	fmt.Println("hostile: registries and other verbs:", count(results))
	a.golden("verbs", results)
	a.sane()
}

// credentials gives the arguments by which a verb has credentials for a registry.
func (a *arena) credentials(v verb, host string) []string {
	file := filepath.Join(a.world.Dir, "t", "auth-"+strings.ReplaceAll(v.name+host, " ", "-"))
	if v.name == "login" {
		return []string{"--authfile", file, "-u", "hostile", "-p", "canary-password"}
	}
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte(secret)))
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		a.t.Error(err)
	}
	return []string{"--authfile", file}
}

// uploadLies are about where an upload goes on.
func uploadLies(other, port string) []lie {
	located := func(name, method, where string) lie {
		return lie{name: "upload " + name, answer: basic(func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
			if !strings.HasPrefix(what, "blobs/") || r.Method != method {
				return false
			}
			drainBody(r)
			status(http.StatusAccepted, map[string]string{"Location": strings.ReplaceAll(where, "HOST", r.Host)}, "")(w, r)
			return true
		})}
	}
	redirected := func(name, method, where string) lie {
		return lie{name: "upload " + name, answer: basic(func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
			if r.Method != method || what == "v2" {
				return false
			}
			redirect(where)(w, r)
			return true
		})}
	}
	const path = "/v2/app/blobs/uploads/1"
	return []lie{
		located("goes on at its own address", http.MethodPost, "http://HOST"+path), located("goes on at another host", http.MethodPost, other+path),
		located("goes on at another port", http.MethodPost, port+path), located("goes on at what looks like its own address", http.MethodPost, strings.Replace(other, "://", "://HOST@", 1)+path),
		located("goes on in a file", http.MethodPost, "file:///etc/passwd"), located("goes on at the metadata of a cloud", http.MethodPost, "http://169.254.169.254/x"),
		located("goes on nowhere", http.MethodPost, ""), located("goes on at nonsense", http.MethodPost, "http://[::1]:namedport/"),
		located("ends at another host", http.MethodPatch, other+path), located("ends at another port", http.MethodPatch, port+path),
		redirected("begins at another host", http.MethodPost, other+path), redirected("of the manifest leads to another host", http.MethodPut, other+"/manifest"),
	}
}

// existing answers, for each blob, that another host knows whether it is there.
func existing(where string) answer {
	return basic(func(w http.ResponseWriter, r *http.Request, _ string, _ int) bool {
		if r.Method != http.MethodHead {
			return false
		}
		redirect(where+"/blob")(w, r)
		return true
	})
}

// TestCredentialsOfOtherVerbs is TestCredentialsStayWithTheirRegistry for commands other than pull.
func TestCredentialsOfOtherVerbs(t *testing.T) {
	a := newArena(t)
	a.equip()
	w := newThieves(t)
	missing := newWitness(t, http.NotFound, "127.0.0.2:0")
	var all []lie
	for i, v := range verbs() {
		for n, l := range w.lies() {
			l.verb, l.img = v, image{}
			if n != 0 && (n+i)%sample(2) != 0 {
				l = lie{}
			}
			all = append(all, l)
		}
		if strings.HasSuffix(v.name, "push") {
			for _, l := range append(uploadLies(w.other.url, w.port.url), lie{name: "existence of a layer is known at another host", answer: existing(missing.url)}) {
				l.verb = v
				all = append(all, l)
			}
		}
	}
	results := a.tell(t, withCredentials(a, all))
	w.none(t)
	if len(missing.stolen) > 0 {
		t.Errorf("a store of layers was sent credentials: %v", missing.stolen)
	}
	if missing.asked == 0 {
		t.Error("nobody asked the store of layers whether it has one")
	}
	fmt.Println("hostile: credentials and other verbs:", count(results))
	a.golden("verbs-credentials", results)
	a.sane()
}

func withCredentials(a *arena, all []lie) []lie {
	for i := range all {
		v, args := all[i].verb, all[i].verb.args
		if args != nil {
			all[i].verb.args = func(host string) []string { return append(args(host), a.credentials(v, host)...) }
		}
	}
	return all
}

// TestInterruptedVerbs presses Ctrl-C while a registry is silent to commands other than pull.
func TestInterruptedVerbs(t *testing.T) {
	a := newArena(t)
	a.equip()
	for _, v := range verbs() {
		for _, at := range []string{"v2", "manifests/", "blobs/"} {
			asked, silent := make(chan struct{}, 99), false
			l := lie{name: v.name + " at " + at, verb: v, answer: func(w http.ResponseWriter, r *http.Request, what string, _ int) bool {
				if silent = strings.HasPrefix(what, at); silent {
					asked <- struct{}{}
					hang(w, r)
				}
				return silent
			}}
			if !v.comesTo(at) {
				continue
			}
			host := strings.TrimPrefix(l.serve(t).URL, "http://")
			args := v.args(host)
			if v.name == "login" {
				args = append(args, a.credentials(v, host)...)
			}
			if took, err := a.interrupt(asked, args...); err != nil || took > time.Second {
				t.Errorf("%s: Ctrl-C took %s, %v", l.name, took, err)
			}
		}
	}
	a.sane()
}

// comesTo reports whether a verb asks for what is there.
func (v verb) comesTo(what string) bool {
	switch {
	case what == "v2":
		return true
	case what == "manifests/":
		return true
	}
	return strings.HasSuffix(v.name, "push") || v.name == "artifact pull"
}
