package event

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func collect(t testing.TB, path string, o Options) (events []Event) {
	t.Helper()
	err := Read(context.Background(), path, o, func(e Event) error { events = append(events, e); return nil })
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func ids(events []Event) string {
	var list []string
	for _, e := range events {
		list = append(list, e.ID)
	}
	return strings.Join(list, " ")
}

func appendAll(t testing.TB, j journal, events ...Event) {
	t.Helper()
	for _, e := range events {
		if e.Type == "" {
			e.Type, e.Status = Container, Create
		}
		if err := j.append(e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	code := 3
	want := Event{
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Type: Container, Status: Died, ID: "abc", Name: "web\n\x1b[",
		Image: "docker.io/library/nginx:latest", PodID: "def", Network: "net", Attributes: map[string]string{"a": "b=c"},
		ContainerExitCode: &code, HealthStatus: "healthy", Error: "why",
	}
	if err := Append(path, want); err != nil {
		t.Fatal(err)
	}
	got := collect(t, path, Options{})
	if len(got) != 1 || !reflect.DeepEqual(got[0], want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestAppendSetsTheTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	before := time.Now()
	if err := Append(path, Event{Type: Image, Status: Pull}); err != nil {
		t.Fatal(err)
	}
	if got := collect(t, path, Options{Since: before, Until: time.Now()}); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestNoJournal(t *testing.T) {
	if got := collect(t, filepath.Join(t.TempDir(), "events"), Options{}); got != nil {
		t.Errorf("%v", got)
	}
}

func TestRotation(t *testing.T) {
	j := journal{filepath.Join(t.TempDir(), "events"), 500, time.Second}
	for i := range 100 {
		appendAll(t, j, Event{ID: strconv.Itoa(i)})
	}
	got := collect(t, j.path, Options{})
	if len(got) < 6 || len(got) > 15 {
		t.Errorf("%d events are left of about 12", len(got))
	}
	for i, e := range got {
		if want := strconv.Itoa(100 - len(got) + i); e.ID != want {
			t.Errorf("event %d is %s, want %s", i, e.ID, want)
		}
	}
	names, err := os.ReadDir(filepath.Dir(j.path))
	if err != nil || len(names) != 2 {
		t.Errorf("%v, %v", names, err)
	}
}

func TestTornRecords(t *testing.T) {
	for _, torn := range []string{
		`{"time":"2026-01-02T03:04:05Z","type":"container","sta`, "\x00\x00\x00", "{}", "null", "[]", "{\n{", "\n\n",
		`{"type":"container","status":"create","id":"timeless"}`, strings.Repeat("x", 3<<20),
	} {
		path := filepath.Join(t.TempDir(), "events")
		j := journal{path, maxSize, time.Second}
		appendAll(t, j, Event{ID: "1"})
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Fatal(err)
		}
		f.WriteString(torn)
		f.Close()
		if got := ids(collect(t, path, Options{})); got != "1" {
			t.Errorf("before the next event after %.20q: %s", torn, got)
		}
		appendAll(t, j, Event{ID: "2"})
		if got := ids(collect(t, path, Options{})); got != "1 2" {
			t.Errorf("after %.20q: %s", torn, got)
		}
	}
}

func TestLongAttributesAreLeftOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	appendAll(t, journal{path, maxSize, time.Second}, Event{ID: "1", Attributes: map[string]string{"k": strings.Repeat("v", 2<<20)}})
	got := collect(t, path, Options{})
	if len(got) != 1 || got[0].Attributes != nil {
		t.Errorf("%d events", len(got))
	}
}

func TestFullDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	appendAll(t, journal{path, maxSize, time.Second}, Event{ID: "1"})
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	// A limit on the size of files cuts a write off as a full disk does.
	info, _ := f.Stat()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	limit := old
	limit.Cur = uint64(info.Size()) + 5
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	err = write(f, []byte("a line longer than that\n"))
	if err2 := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); err2 != nil {
		t.Fatal(err2)
	}
	after, _ := f.Stat()
	if err == nil || after.Size() != info.Size() {
		t.Errorf("a write that failed (%v) left %d bytes of %d", err, after.Size(), info.Size())
	}
}

func TestHeldLockNamesTheHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	err = journal{path, maxSize, time.Millisecond}.append(Event{Type: Image, Status: Pull})
	want := fmt.Sprintf("record the event image pull in %q: its lock is held by process %d", path, os.Getpid())
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestSinceUntilMatchNew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	at := func(i int) time.Time { return time.Date(2026, 1, 2, 3, 4, i, 0, time.UTC) }
	for i := range 5 {
		appendAll(t, journal{path, maxSize, time.Second}, Event{ID: strconv.Itoa(i), Time: at(i)})
	}
	for _, c := range []struct {
		o    Options
		want string
	}{
		{Options{}, "0 1 2 3 4"},
		{Options{Since: at(3)}, "3 4"},
		{Options{Until: at(1)}, "0 1"},
		{Options{Since: at(1), Until: at(1)}, "1"},
		{Options{Match: func(e Event) bool { return e.ID > "2" }}, "3 4"},
		{Options{New: true}, ""},
		{Options{Follow: true, Until: at(1)}, "0 1"},
	} {
		if got := ids(collect(t, path, c.o)); got != c.want {
			t.Errorf("%+v: %q, want %q", c.o, got, c.want)
		}
	}
}

func TestFollowNewUntil(t *testing.T) {
	j := journal{filepath.Join(t.TempDir(), "events"), maxSize, time.Second}
	appendAll(t, j, Event{ID: "old"})
	idle, done := make(chan struct{}, 1), make(chan string)
	o := Options{New: true, Follow: true, Until: time.Now().Add(500 * time.Millisecond), Idle: func() {
		select {
		case idle <- struct{}{}:
		default:
		}
	}}
	go func() { done <- ids(collect(t, j.path, o)) }()
	<-idle
	appendAll(t, j, Event{ID: "new"})
	if got := <-done; got != "new" {
		t.Errorf("%q", got)
	}
}

func TestReadErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events")
	appendAll(t, journal{path, maxSize, time.Second}, Event{ID: "1"})
	want := errors.New("full")
	if err := Read(context.Background(), path, Options{}, func(Event) error { return want }); !errors.Is(err, want) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	err := Read(ctx, path, Options{Follow: true}, func(Event) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := Append(filepath.Join(path, "no"), Event{Type: Image, Status: Pull}); err == nil || !strings.Contains(err.Error(), "record the event image pull") {
		t.Errorf("%v", err)
	}
}

// TestWritersAndFollowers has 64 writers and three followers, and dozens of rotations. Each writer waits until all
// followers have its event before it appends the next: so nothing is pushed out unread, and every event must arrive.
func TestWritersAndFollowers(t *testing.T) {
	const writers, each, followers = 64, 30, 3
	j := journal{filepath.Join(t.TempDir(), "events"), 3 * writers * 100, 30 * time.Second}
	acks := make([]chan struct{}, writers)
	for w := range acks {
		acks[w] = make(chan struct{}, followers)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	seen := make([]map[string]int, followers)
	started := make(chan struct{}, followers)
	var reading, writing sync.WaitGroup
	for n := range followers {
		seen[n] = map[string]int{}
		var once sync.Once
		reading.Go(func() {
			stop, end := context.WithCancel(ctx)
			defer end()
			err := Read(stop, j.path, Options{Follow: true, Idle: func() { once.Do(func() { started <- struct{}{} }) }}, func(e Event) error {
				seen[n][e.ID]++
				var w, i int
				if _, err := fmt.Sscanf(e.ID, "%d/%d", &w, &i); err != nil {
					return fmt.Errorf("event %q: %w", e.ID, err)
				}
				acks[w] <- struct{}{}
				if len(seen[n]) == writers*each {
					end()
				}
				return nil
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("follower %d: %v after %d events", n, err, len(seen[n]))
			}
		})
	}
	for range followers {
		<-started
	}
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				if err := j.append(Event{Type: Container, Status: Create, ID: fmt.Sprintf("%d/%d", w, i)}); err != nil {
					t.Error(err)
					return
				}
				for range followers {
					select {
					case <-acks[w]:
					case <-ctx.Done():
						return
					}
				}
			}
		})
	}
	writing.Wait()
	reading.Wait()
	for n := range followers {
		for id, times := range seen[n] {
			if times != 1 {
				t.Errorf("follower %d has %s %d times", n, id, times)
			}
		}
		if len(seen[n]) != writers*each {
			t.Errorf("follower %d has %d events of %d", n, len(seen[n]), writers*each)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","type":"container","status":"create","id":"1"}` + "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "events")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		before := collect(t, path, Options{})
		appendAll(t, journal{path, 1 << 40, time.Second}, Event{ID: "last"})
		after := collect(t, path, Options{})
		if n := len(after); n <= len(before)-1 || n > len(before)+2 || after[n-1].ID != "last" {
			t.Errorf("%d events, and %d after one more", len(before), n)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	path := filepath.Join(b.TempDir(), "events")
	for b.Loop() {
		if err := Append(path, Event{Type: Container, Status: Create, ID: strings.Repeat("a", 64), Name: "web", Image: "docker.io/library/nginx"}); err != nil {
			b.Fatal(err)
		}
	}
}
