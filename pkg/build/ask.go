package build

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/pkg/build/plan"
	"golang.org/x/sys/unix"
)

// What reading a Dockerfile may cost at most; it takes milliseconds and megabytes.
const (
	readingTime   = time.Minute
	readingMemory = 4 << 30 // bytes of address space
)

// Ask has the program pod-frontend answer a request.
func Ask(ctx context.Context, program string, req plan.Request) (answer plan.Answer, err error) {
	question, err := json.Marshal(req)
	if err != nil {
		return answer, err
	}
	ctx, cancel := context.WithTimeout(ctx, readingTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program)
	cmd.Dir, cmd.Env = "/", []string{"GOMAXPROCS=1"}
	var out, messages bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(question), &out, &messages
	err = cmd.Start()
	if err == nil {
		limit := unix.Rlimit{Cur: readingMemory, Max: readingMemory}
		err = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_AS, &limit, nil)
		if errors.Is(err, unix.ESRCH) {
			err = nil // it has ended already
		}
		err = errors.Join(err, cmd.Wait())
	}
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &answer)
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return answer, fmt.Errorf("read %s: it is not understood within %s", req.Name, readingTime)
	case err != nil:
		first, _, _ := strings.Cut(strings.TrimSpace(messages.String()), "\n")
		return answer, fmt.Errorf("read %s: %s has failed: %w: %s", req.Name, filepath.Base(program), err, first)
	}
	return answer, failpoint.Hit("build.read")
}
