package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// serve makes the registry that tells the lie. Its log has what was asked.
func (l lie) serve(t *testing.T) *httptest.Server { return l.start(t, (*httptest.Server).Start) }

func (l lie) start(t *testing.T, start func(*httptest.Server)) *httptest.Server {
	l.prepare()
	img := l.img
	var asked atomic.Int32
	var mu sync.Mutex
	path, honest := l.verb.path, l.verb.honest
	if path == nil {
		path = pulled
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := int(asked.Add(1))
		what := path(r, img, n)
		if l.answer != nil {
			mu.Lock() // only the decision: an answer may take its time
			answer := l.answer
			mu.Unlock()
			if answer(w, r, what, n) {
				if l.told != nil {
					l.told.Store(true)
				}
				return
			}
		}
		switch {
		case honest != nil:
			honest(w, r)
		case what != "v2":
			img.serve(w, r, what)
		}
	}))
	server.Config.ErrorLog = quiet()
	start(server)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server
}

func TestLyingRegistries(t *testing.T) {
	a := newArena(t)
	all := lies(newWitness(t, body("", []byte("evil")), "127.0.0.2:0").url)
	results := a.tell(t, all)
	a.safe()
	fmt.Println("hostile: registries:", count(results))
	a.golden("registries", results)
	a.sane()
}

// lie asks a registry that lies for something.
func (a *arena) lie(t *testing.T, l lie) result {
	l.told = new(atomic.Bool)
	server := l.serve(t)
	host := strings.TrimPrefix(server.URL, "http://")
	if l.verb.name != "" {
		return a.ask(t, l, host)
	}
	tag := strings.TrimSpace(l.tag)
	if l.tag == "" {
		tag = ":latest"
	}
	args := append([]string{"pull", "-q", "--tls-verify=false"}, l.args...)
	if !slices.Contains(l.args, "--retry") {
		args = append(args, "--retry", "0")
	}
	patience := commandTimeout
	if l.late {
		patience = silence
	}
	o := a.pod(append(l.env, "POD_REGISTRY_TIMEOUT="+patience.String()), append(args, host+"/app"+tag)...)
	return a.judge(t, l.name, "pull", host, o)
}

// untold is the outcome of a lie about what a verb does not ask for.
const untold = "not asked for"

// ask is lie for verbs other than pull.
func (a *arena) ask(t *testing.T, l lie, host string) result {
	patience := commandTimeout
	if l.late {
		patience = silence / max(l.verb.patience, 1)
	}
	args := append(l.verb.args(host), "--tls-verify=false")
	r := a.judge(t, l.name, l.verb.name, host, a.pod(append(l.env, "POD_REGISTRY_TIMEOUT="+patience.String()), append(args, l.args...)...))
	if l.name != "honest" && r.text == "accepted" && !l.told.Load() {
		r.text = untold
	}
	return r
}

// judge says what became of a command.
func (a *arena) judge(t *testing.T, name, verb, host string, o outcome) result {
	r := result{name: name, way: verb, text: "accepted"}
	if o.took > 20*time.Second {
		t.Errorf("%s: took %s", name, o.took)
	}
	if strings.ContainsAny(o.stdout+o.stderr, "\x1b\x07") {
		t.Errorf("%s: acts on the terminal: %q", name, o.stderr)
	}
	if strings.Contains(o.stderr, "canary-password") {
		t.Errorf("%s: the password is shown: %q", name, o.stderr)
	}
	if o.code == 0 {
		return r
	}
	said, err := o.refusal()
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	r.text = strings.ReplaceAll(said, host, "REGISTRY")
	return r
}

// interrupt starts a command and sends SIGINT once the registry says that it was asked; it gives the time until the end.
func (a *arena) interrupt(asked <-chan struct{}, args ...string) (time.Duration, error) {
	cmd := a.world.Command(context.Background(), append(args, "--tls-verify=false")...)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	select {
	case <-asked:
	case <-time.After(20 * time.Second):
		return 0, errors.Join(errors.New("the registry is not asked"), cmd.Process.Kill(), cmd.Wait())
	}
	start := time.Now()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err == nil {
		return 0, errors.New("it succeeded")
	}
	return time.Since(start), nil
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// TestInterruptedPulls presses Ctrl-C while a registry is silent.
func TestInterruptedPulls(t *testing.T) {
	a := newArena(t)
	for _, l := range silentOnes() {
		asked := make(chan struct{}, 99)
		l.prepare()
		answer := l.answer
		l.with, l.answer = nil, func(w http.ResponseWriter, r *http.Request, what string, n int) bool {
			if !strings.HasPrefix(l.name, "silence") {
				return answer(w, r, what, n)
			}
			done := make(chan bool, 1)
			go func() { done <- answer(w, r, what, n) }()
			select {
			case d := <-done:
				return d
			case <-time.After(50 * time.Millisecond):
				asked <- struct{}{}
			}
			return <-done
		}
		if !strings.HasPrefix(l.name, "silence") {
			continue
		}
		took, err := a.interrupt(asked, "pull", "-q", strings.TrimPrefix(l.serve(t).URL, "http://")+"/app")
		if err != nil || took > time.Second {
			t.Errorf("%s: Ctrl-C took %s, %v", l.name, took, err)
		}
	}
	a.sane()
}
