package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// refusingPasta is the date from which pasta is trusted to pass on that a connection was refused. The one of
// Debian 12 (2023-03-09) answers a refused connection with a reset that Linux ignores while connecting, because it lacks the
// ACK flag: the container's connect(2) hangs for two minutes. The date is that of podman 5.0, which made pasta
// its default.
const refusingPasta = 20240319

// Helpers are the network helpers of this machine.
type Helpers struct {
	Pasta       string // absolute path, or empty
	Slirp4netns string // absolute path, or empty
	// PastaDate is the date of pasta's release as yyyymmdd, or 0 when the program does not say.
	PastaDate int
	// Tun says why /dev/net/tun cannot be used, or is nil.
	Tun error
}

// OldPasta says that pasta is installed and from before refusingPasta. Besides refused connections, the one of Debian 12 loses what
// the server of a published TCP port says before the client does, except to this host's loopback, and on the loopback the
// answers of a UDP port published under another number.
func (h Helpers) OldPasta() bool { return h.Pasta != "" && h.PastaDate < refusingPasta }

// Probe looks for helpers; lookPath is exec.LookPath or stands in for it. It starts no process. That a helper is missing is
// not an error.
func Probe(ctx context.Context, lookPath func(string) (string, error)) (Helpers, error) {
	var h Helpers
	for name, path := range map[string]*string{"pasta": &h.Pasta, "slirp4netns": &h.Slirp4netns} {
		found, err := lookPath(name)
		if err != nil {
			if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
				continue
			}
			return Helpers{}, fmt.Errorf("look for %q: %w", name, err)
		}
		*path = found
	}
	if h.Pasta != "" {
		date, err := pastaDate(h.Pasta)
		if err != nil {
			return Helpers{}, fmt.Errorf("read version of %q: %w", h.Pasta, err)
		}
		h.PastaDate = date
	}
	h.Tun = tun()
	return h, ctx.Err()
}

// tun opens the device: the kernel checks the permission then, and loads the module if need be.
func tun() error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// Version gives the first line of what the program says about its version, for reports; it starts the program.
func Version(ctx context.Context, program string) (string, error) {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("run %q --version: %w", program, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line), nil
}

// pastaDate reads the release date out of the program file: asking the program costs 4 to 10 ms of each run, reading
// its 200 KB one tenth of a millisecond.
func pastaDate(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	const most = 4 << 20 // far more than any pasta
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return 0, err
	}
	return releaseDate(b), nil
}

// releaseDate finds the newest release date in a program: "2024_03_20.71dd405" as upstream writes it, or
// "git20240220.1e6f92b" as Debian and Ubuntu do.
func releaseDate(program []byte) int {
	newest := 0
	for rest := program; ; {
		i := bytes.Index(rest, []byte("20"))
		if i < 0 {
			return newest
		}
		digits := ""
		switch at := rest[i:]; {
		case len(at) > 10 && at[4] == '_' && at[7] == '_' && at[10] == '.':
			digits = string(at[:4]) + string(at[5:7]) + string(at[8:10])
		case len(at) > 8 && i >= 3 && string(rest[i-3:i]) == "git" && at[8] == '.':
			digits = string(at[:8])
		}
		if date, err := strconv.ParseUint(digits, 10, 32); err == nil {
			newest = max(newest, int(date))
		}
		rest = rest[i+1:]
	}
}
