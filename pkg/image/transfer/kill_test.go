package transfer

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pod-engine/pod/internal/podtest"
	"github.com/pod-engine/pod/pkg/image"
)

// victimVar makes TestVictim, which is no test, pull what it names until it is killed.
const victimVar = "POD_TEST_VICTIM"

func TestVictim(t *testing.T) {
	spec := os.Getenv(victimVar)
	if spec == "" {
		return // only TestKilledPull gives it something to do
	}
	dir, ref, _ := strings.Cut(spec, "=")
	s := openStore(t, filepath.Join(dir, "root"), filepath.Join(dir, "run"))
	_, err := Transfer{}.Pull(t.Context(), s, ref, image.PullOptions{})
	t.Fatalf("the pull ended: %v", err)
}

// TestKilledPull kills a pull amid each of the image's blobs in turn. The name must keep its meaning, the next pulls,
// three at once, must succeed, and nothing may be left over.
func TestKilledPull(t *testing.T) {
	for blob := int32(1); blob <= 3; blob++ {
		stalled := make(chan struct{}, 9)
		var countdown atomic.Int32
		host := podtest.Registry(t, intercept(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") || countdown.Add(-1) != 0 {
				return false
			}
			w.Header().Set("Content-Length", "1000000")
			w.Write([]byte("beginning"))
			w.(http.Flusher).Flush()
			stalled <- struct{}{}
			<-r.Context().Done()
			return true
		}))
		s := newStore(t, insecure(host))
		dir := filepath.Dir(s.GraphRoot())
		ref := host + "/app:1"
		first := push(t, small("one"), ref)
		pull(t, s, ref, image.PullOptions{})
		second := push(t, small("two"), ref)
		countdown.Store(blob)
		cmd := exec.Command("/proc/self/exe", "-test.run=TestVictim$")
		cmd.Env = append(os.Environ(), victimVar+"="+dir+"="+ref)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		select {
		case <-stalled:
		case <-time.After(20 * time.Second):
			t.Error("the pull did not reach the blob")
		}
		cmd.Process.Kill()
		cmd.Wait()
		if img, err := s.Lookup(t.Context(), ref); err != nil || img.ID != first {
			t.Fatalf("blob %d: after the kill the name means %v, %v", blob, img, err)
		}
		done := make(chan error, 3)
		for range cap(done) {
			go func() {
				img, err := Transfer{}.Pull(t.Context(), s, ref, image.PullOptions{})
				if err == nil && img[0].ID != second {
					err = errors.New("the name means " + img[0].ID)
				}
				done <- err
			}()
		}
		for range cap(done) {
			if err := <-done; err != nil {
				t.Errorf("blob %d: pull after the kill: %v", blob, err)
			}
		}
		if img, err := s.Lookup(t.Context(), ref); err != nil || content(t, s, img, "etc/second") != "twotwo" {
			t.Errorf("blob %d: %v, %v", blob, img, err)
		}
		empty(t, s)
	}
}
