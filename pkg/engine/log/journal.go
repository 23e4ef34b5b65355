package log

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/hint"
)

const (
	// maxEntry is the longest entry of journalctl's output that is read, in bytes; longer ones are passed over. Text that
	// is not UTF-8 comes as a list of numbers, four times as long as it is.
	maxEntry = 16 << 20
	// journalSettle is how long journald may take to file what it was sent. Only it and root could ask it to hurry.
	journalSettle = 200 * time.Millisecond
)

// errStop ends a run of journalctl early.
var errStop = errors.New("enough")

// journal reads the entries of one container with journalctl.
type journal struct {
	src  Source
	opts *Options
	give func(Record) error
	// next is the number of the next record and first the first of each stream that is given, as found by tail.
	next   int64
	first  [Stderr + 1]position
	cursor string // of the newest entry read; empty: none
	live   bool   // what was there before has been read
}

func readJournal(ctx context.Context, src Source, opts Options, give func(Record) error) error {
	j := &journal{src: src, opts: &opts, give: give}
	args := j.history()
	if opts.Tail >= 0 {
		from, err := j.findTail(ctx)
		if err != nil {
			return err
		}
		if from != "" {
			args = []string{from}
		}
	}
	if err := j.run(ctx, args, j.entry); err != nil || !opts.Follow {
		return err
	}
	return j.follow(ctx)
}

// history gives the arguments that leave out what is surely not asked for; records are compared again in full precision.
func (j *journal) history() (args []string) {
	if j.opts.Since.Unix() > 0 { // journalctl knows no time before 1970
		args = append(args, "--since=@"+strconv.FormatInt(j.opts.Since.Unix(), 10))
	}
	if j.opts.Until.Unix() > 0 {
		args = append(args, "--until=@"+strconv.FormatInt(j.opts.Until.Unix()+1, 10))
	}
	return args
}

// findTail reads backwards until it has seen the lines that opts.Tail asks for, and gives the argument by which to
// read on from there, or "" when that is the beginning.
func (j *journal) findTail(ctx context.Context) (from string, err error) {
	t := tail{opts: j.opts, want: j.opts.Tail}
	n := int64(0)
	err = j.run(ctx, append(j.history(), "--reverse"), func(e journalEntry) error {
		if n == 0 && t.want == 0 {
			j.cursor = e.Cursor
			from = "--after-cursor=" + e.Cursor
		}
		rec, ok := e.record()
		if t.done() {
			return errStop
		}
		t.passed(int64(len(rec.Text)))
		if !ok || !j.opts.covers(rec.Time) {
			return nil
		}
		n--
		at := position{offset: n}
		if t.record(rec, at); t.at.position == at {
			from = "--cursor=" + e.Cursor
		}
		return nil
	})
	j.next, j.first = t.at.offset, t.at.first
	return from, err
}

func (j *journal) entry(e journalEntry) error {
	j.cursor = e.Cursor
	rec, ok := e.record()
	if !ok || !j.opts.covers(rec.Time) {
		return nil
	}
	at := position{offset: j.next}
	j.next++
	if at.before(j.first[rec.Stream]) {
		return nil
	}
	return j.give(rec)
}

// follow gives new entries until the source is over, and then what journald filed last.
func (j *journal) follow(ctx context.Context) error {
	over, free := j.opts.over(j.src.Ended)
	defer free()
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		select {
		case <-over:
			stop()
		case <-running.Done():
		}
	}()
	j.live = true
	j.opts.Idle()
	err := j.run(running, append(j.onward(), "--follow", "--no-tail"), j.entry)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if running.Err() == nil {
		return err // journalctl ended although nobody asked it to
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(journalSettle):
	}
	return j.run(ctx, j.onward(), j.entry)
}

// onward gives the argument by which to read what follows the newest entry read.
func (j *journal) onward() []string {
	if j.cursor == "" {
		return nil
	}
	return []string{"--after-cursor=" + j.cursor}
}

// run starts journalctl and calls each for every entry. A run that was stopped by errStop is not an error.
func (j *journal) run(ctx context.Context, args []string, each func(journalEntry) error) (err error) {
	args = append([]string{"--output=json", "--all", "--quiet", "--no-pager"}, args...)
	cmd := exec.CommandContext(ctx, "journalctl", append(args, "CONTAINER_ID_FULL="+j.src.ID)...)
	var problem bytes.Buffer
	cmd.Stderr = &limitedWriter{&problem, 4096}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return hint.Wrap(err, "journalctl reads the journal; install it, or make containers with --log-driver k8s-file")
	}
	err = j.entries(out, each)
	if err != nil {
		cmd.Process.Kill()
		cmd.Wait()
		if err == errStop {
			return nil
		}
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("%s: %w: %s", strings.Join(cmd.Args, " "), err, bytes.TrimSpace(problem.Bytes()))
	}
	return nil
}

func (j *journal) entries(out io.Reader, each func(journalEntry) error) error {
	r := bufio.NewReaderSize(out, 64<<10)
	for {
		line, err := readLine(r)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var e journalEntry
		if json.Unmarshal(line, &e) == nil && e.Cursor != "" {
			if err := each(e); err != nil {
				return err
			}
		}
		if j.live && r.Buffered() == 0 {
			j.opts.Idle()
		}
	}
}

// readLine reads a line; of one longer than maxEntry only the beginning, which is then no JSON.
func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if err == nil && line == nil {
			return part, nil
		}
		if len(line) < maxEntry {
			line = append(line, part...)
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}
