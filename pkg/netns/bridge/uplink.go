package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/failpoint"
	"github.com/pod-engine/pod/internal/process"
	"github.com/pod-engine/pod/pkg/container"
	"github.com/pod-engine/pod/pkg/netns"
	"github.com/pod-engine/pod/pkg/netns/helper"
)

// uplink is the way out of a user's namespace: pasta, slirp4netns or pod-uplink, which carries packets between an
// interface in it and sockets of the machine. Root's networks need none.
type uplink struct {
	s *Server

	mu       sync.Mutex
	plan     netns.Network
	running  []process.Identity
	stopping bool
}

func newUplink(s *Server) *uplink { return &uplink{s: s} }

// patience bounds the start of a way out.
const patience = 15 * time.Second

// await returns when there is a way out, starting it when there is none.
func (u *uplink) await() (warnings []string, err error) {
	if !u.s.Rootless {
		return nil, nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.alive() {
		return nil, nil
	}
	return u.start()
}

func (u *uplink) alive() bool {
	return len(u.running) > 0 && !slices.ContainsFunc(u.running, func(id process.Identity) bool { return !id.Alive() })
}

func (u *uplink) netns() string { return filepath.Join(u.s.Dir, helper.NetnsFile) }

// start finds or starts the program and watches it. A program that outlived the helper which started it is taken over.
func (u *uplink) start() (warnings []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	programs, err := netns.Probe(ctx, exec.LookPath)
	if err != nil {
		return nil, err
	}
	host := netns.ReadHost(programs, u.netns())
	if u.plan, err = netns.PlanUplink(container.Network{Mode: u.s.Driver}, host, u.s.Own); err != nil {
		return nil, err
	}
	if u.running, err = netns.FindHelpers(u.netns()); err != nil {
		return nil, err
	}
	if len(u.running) == 0 {
		u.dropInterface()
		if err := u.run(ctx); err != nil {
			return nil, err
		}
		if err := failpoint.Hit("helper.uplink"); err != nil {
			return nil, err
		}
		if u.running, err = netns.FindHelpers(u.netns()); err != nil {
			return nil, err
		}
		warnings = u.plan.Warnings
	}
	for _, id := range u.running {
		go u.watch(id)
	}
	return warnings, nil
}

func (u *uplink) run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, u.plan.Command[0], u.plan.Command[1:]...)
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = time.Second
	err := cmd.Run()
	if err == nil || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	text := strings.Join(strings.Fields(said.String()), " ")
	if text == "" {
		text = err.Error()
	}
	return fmt.Errorf("connect the networks to the machine's with %s: %s", u.plan.Mode, text)
}

// dropInterface removes what a program that was killed may have left.
func (u *uplink) dropInterface() {
	if link, err := u.s.inside.link.LinkByName(netns.Interface); err == nil {
		u.s.inside.link.LinkDel(link)
	}
}

// watch starts the program again when it has ended without being asked to.
func (u *uplink) watch(id process.Identity) {
	if fd, err := id.Open(); err == nil {
		defer unix.Close(fd)
		wait := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			if _, err := unix.Poll(wait, -1); !errors.Is(err, unix.EINTR) {
				break
			}
		}
	}
	unix.Wait4(id.PID, nil, unix.WNOHANG, nil) // it may be a child that came back to us
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.stopping || u.alive() {
		return
	}
	u.s.Log.Warn("the way out ended and is started again", "driver", u.plan.Mode)
	if _, err := u.start(); err != nil {
		u.s.Log.Error("start the way out again", "error", err)
	}
}

func (u *uplink) stop() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stopping = true
	if !u.s.Rootless {
		return
	}
	running, err := netns.FindHelpers(u.netns())
	if err != nil {
		running = u.running
	}
	for _, id := range running {
		id.Signal(unix.SIGKILL)
	}
	os.Remove(u.netns() + ".log")
}

func (u *uplink) driver() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.alive() {
		return ""
	}
	return string(u.plan.Mode)
}

// hostAddress is where containers reach the machine. Through a way out that is the machine's own address; from root's networks
// it is the gateway, which the caller fills in.
func (u *uplink) hostAddress() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.plan.HostAddress
}
