package event

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const writeTo = "POD_TEST_EVENTS"

// TestMain lets the test binary be a process that appends events for ever, and prints the id of each when it is done.
func TestMain(m *testing.M) {
	path := os.Getenv(writeTo)
	if path == "" {
		os.Exit(m.Run())
	}
	j := journal{path, 1 << 30, time.Minute}
	for i := 0; ; i++ {
		id := fmt.Sprintf("%d/%d", os.Getpid(), i)
		if err := j.append(Event{Type: Container, Status: Create, ID: id}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(id)
	}
}

// TestKilledWriters kills processes amid their writes: what one said it had appended is there, once.
func TestKilledWriters(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	const writers, kills = 6, 3
	var said []string
	var lock sync.Mutex
	for range kills {
		var running sync.WaitGroup
		for range writers {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), writeTo+"="+path)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			running.Go(func() {
				lines := bufio.NewScanner(out)
				for n := 0; lines.Scan(); n++ {
					lock.Lock()
					said = append(said, lines.Text())
					lock.Unlock()
					if n == 100 {
						cmd.Process.Kill()
					}
				}
				cmd.Wait()
			})
		}
		running.Wait()
	}
	seen := map[string]int{}
	for _, e := range collect(t, path, Options{}) {
		seen[e.ID]++
	}
	for _, id := range said {
		// The last line of a killed process may be cut off.
		if strings.Contains(id, "/") && seen[id] != 1 {
			t.Errorf("event %s is there %d times", id, seen[id])
		}
	}
	if len(said) < writers*kills*100 {
		t.Errorf("only %d events were appended", len(said))
	}
}
