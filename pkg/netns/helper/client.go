package helper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/filelock"
	"github.com/pod-engine/pod/internal/hint"
	"github.com/pod-engine/pod/pkg/netns/network"
)

// ErrPortInUse is that a port of the machine cannot be published because somebody else has it.
var ErrPortInUse = errors.New("port in use")

// Kinds are the errors by which callers decide, by the names they travel under.
func Kinds() map[string]error {
	return map[string]error{
		"not-found": network.ErrNotFound, "exists": network.ErrExists, "in-use": network.ErrInUse, "port-in-use": ErrPortInUse,
	}
}

// Client asks the helper, and starts it when it does not run.
type Client struct {
	Dir      string // of all helpers of the user: volatile
	Networks string // the records of networks
	Rootless bool
	Driver   string // of the way out, "pasta", "slirp4netns" or "gvisor-tap-vsock"; empty: the best that is there
	// Program finds pod-network; Uplink finds pod-uplink, which is needed where no other way out is installed.
	Program, Uplink func(context.Context) (string, error)
	Env             []string // what the program needs to know of the user's places
}

// ownStack is netns.ModeStack; that package imports this one.
const ownStack = "gvisor-tap-vsock"

// patience is how long the helper may take to come up or to go away.
const patience = 20 * time.Second

// mostStarts is how often one request starts the helper before it gives up.
const mostStarts = 3

// Place is the directory of the helper that works in this process's user namespace.
func (c Client) Place() (string, error) {
	var ns unix.Stat_t
	if err := unix.Stat("/proc/self/ns/user", &ns); err != nil {
		return "", fmt.Errorf("find the network helper: %w", err)
	}
	return filepath.Join(c.Dir, strconv.FormatUint(ns.Ino, 10)), nil
}

// Ask sends a request, with the namespace file beside it if there is one, and gives the answer; the file that comes with it, if any,
// is the caller's. A helper that does not run is started, also for one that ends while it is asked.
func (c Client) Ask(ctx context.Context, request Request, namespace *os.File) (Answer, *os.File, error) {
	place, err := c.Place()
	if err != nil {
		return Answer{}, nil, err
	}
	packet, err := json.Marshal(request)
	if err != nil {
		return Answer{}, nil, err
	}
	if len(packet) > MaxPacket {
		return Answer{}, nil, errors.New("ask the network helper: too much was asked at once")
	}
	deadline, starts := time.Now().Add(failpoint.Patience(patience)), 0
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		answer, file, err := ask(ctx, place, packet, namespace)
		if err == nil {
			return answer, file, answer.err()
		}
		if !gone(err) || ctx.Err() != nil || time.Now().After(deadline) || starts == mostStarts {
			if why := c.Complaint(); why != "" {
				err = fmt.Errorf("%w: %s", err, why)
			}
			return Answer{}, nil, fmt.Errorf("ask the network helper: %w", err)
		}
		started, err := c.start(ctx, place)
		if err != nil {
			return Answer{}, nil, err
		}
		if started {
			starts++
		} else {
			time.Sleep(pause) // another command starts it, or it is about to end
		}
	}
}

// AskRunning is Ask of a helper that runs; ok is false when none does.
func (c Client) AskRunning(ctx context.Context, request Request) (answer Answer, ok bool, err error) {
	place, err := c.Place()
	if err != nil {
		return Answer{}, false, err
	}
	return AskAt(ctx, place, request)
}

// AskAt is AskRunning of the helper in another directory: that of a user namespace which was replaced while containers ran in it.
func AskAt(ctx context.Context, place string, request Request) (answer Answer, ok bool, err error) {
	packet, err := json.Marshal(request)
	if err != nil {
		return Answer{}, false, err
	}
	answer, file, err := ask(ctx, place, packet, nil)
	if file != nil {
		file.Close()
	}
	if err != nil {
		if gone(err) {
			return Answer{}, false, nil
		}
		return Answer{}, false, fmt.Errorf("ask the network helper: %w", err)
	}
	return answer, true, answer.err()
}

// Needed reports whether containers are attached and the helper that serves them is gone.
func (c Client) Needed() bool {
	place, err := c.Place()
	if err != nil {
		return false
	}
	attached, err := os.Open(filepath.Join(place, AttachedDir))
	if err != nil {
		return false
	}
	defer attached.Close()
	if names, err := attached.Readdirnames(1); err != nil || len(names) == 0 {
		return false
	}
	lock, err := filelock.Try(filepath.Join(place, LockFile))
	if err != nil {
		return errors.Is(err, os.ErrNotExist)
	}
	lock.Release()
	return true
}

func (a Answer) err() error {
	if a.Error == "" {
		return nil
	}
	var err error = errors.New(a.Error)
	if kind := Kinds()[a.Kind]; kind != nil {
		err = kinded{a.Error, kind}
	}
	if a.Hint != "" {
		err = hint.Wrap(err, a.Hint)
	}
	return err
}

// kinded is an error whose text and whose sentinel came separately.
type kinded struct {
	text string
	kind error
}

func (k kinded) Error() string { return k.text }
func (k kinded) Unwrap() error { return k.kind }

// gone says that there is nobody behind the socket, or not any more.
func gone(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, io.EOF)
}

func ask(ctx context.Context, place string, packet []byte, namespace *os.File) (answer Answer, file *os.File, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unixpacket", filepath.Join(place, SocketFile))
	if err != nil {
		return answer, nil, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	socket := conn.(*net.UnixConn)
	var rights []byte
	if namespace != nil {
		rights = unix.UnixRights(int(namespace.Fd()))
	}
	if _, _, err := socket.WriteMsgUnix(packet, rights, nil); err != nil {
		return answer, nil, err
	}
	text, file, err := Receive(socket)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return answer, nil, err
	}
	return answer, file, json.Unmarshal(text, &answer)
}

// Receive reads one packet and the file that may come with it.
func Receive(socket *net.UnixConn) ([]byte, *os.File, error) {
	packet, rights := make([]byte, MaxPacket), make([]byte, unix.CmsgSpace(4))
	n, oob, flags, _, err := socket.ReadMsgUnix(packet, rights)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return nil, nil, err
	}
	var file *os.File
	if messages, err := unix.ParseSocketControlMessage(rights[:oob]); err == nil && len(messages) == 1 {
		if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
			unix.CloseOnExec(fds[0])
			file = os.NewFile(uintptr(fds[0]), "network namespace")
		}
	}
	if flags&unix.MSG_TRUNC != 0 {
		file.Close()
		return nil, nil, errors.New("the packet is too long")
	}
	return packet[:n], file, nil
}

// start starts the helper, unless it runs, ends or is being started: then it returns false.
func (c Client) start(ctx context.Context, place string) (bool, error) {
	fail := func(err error) (bool, error) { return false, fmt.Errorf("start the network helper: %w", err) }
	if err := os.MkdirAll(place, 0o700); err != nil {
		return fail(err)
	}
	lockPath := filepath.Join(place, LockFile)
	f, err := os.OpenFile(lockPath, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fail(err)
	}
	f.Close()
	lock, err := filelock.Try(lockPath)
	if errors.Is(err, filelock.ErrHeld) || errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return fail(err)
	}
	defer lock.Release()
	if err := failpoint.Hit("network.locked"); err != nil {
		return fail(err)
	}
	if conn, err := net.Dial("unixpacket", filepath.Join(place, SocketFile)); err == nil {
		conn.Close()
		return false, nil
	}
	if err := c.fork(ctx, place, lock.File()); err != nil {
		return fail(err)
	}
	return true, nil
}

// fork binds the socket, so that requests wait there until the program is up, and starts the program.
func (c Client) fork(ctx context.Context, place string, lock *os.File) error {
	program, err := c.Program(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(place, SocketFile)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: path, Net: "unixpacket"})
	if err != nil {
		return err
	}
	listener.SetUnlinkOnClose(false)
	defer listener.Close()
	socket, err := listener.File()
	if err != nil {
		return err
	}
	defer socket.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	log, err := os.OpenFile(filepath.Join(place, LogFile), os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	own := ""
	if c.Rootless && (c.Driver == ownStack || !installed("pasta") && !installed("slirp4netns")) {
		if own, err = c.Uplink(ctx); err != nil {
			return err
		}
	}
	args := []string{"pod-network", place, c.Networks, strconv.FormatBool(c.Rootless), c.Driver, own}
	process, err := os.StartProcess(program, args, &os.ProcAttr{
		Dir: "/", Env: append([]string{"GOGC=40"}, c.Env...),
		Files: []*os.File{null, null, log, socket, lock},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	if err != nil {
		return err
	}
	return process.Release()
}

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Complaint is the last line that the helper left in its log.
func (c Client) Complaint() string {
	place, err := c.Place()
	if err != nil {
		return ""
	}
	text, err := os.ReadFile(filepath.Join(place, LogFile))
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
