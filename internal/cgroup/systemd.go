package cgroup

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/pod-engine/pod/internal/process"
)

// ScopeForPID asks systemd to put a running process into a scope of its own, unit ("pod-monitor-ID.scope") in slice, so that the end
// of the session that started it does not end it, and returns when the process is there, or has ended. socket is Facts.Systemd.
//
// It talks to the manager itself, not over the message bus, so it also works where dbus is not installed.
func ScopeForPID(ctx context.Context, socket, unit, slice string, pid int) error {
	if err := startScope(ctx, socket, unit, slice, pid); err != nil {
		return fmt.Errorf("ask systemd for scope %q: %w", unit, err)
	}
	// The answer is a job, not its end. The process itself shows when it is over.
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("wait for scope %q: %w", unit, err)
		}
		if inUnit(string(text), unit) {
			return nil
		}
		if _, err := process.Identify(pid); errors.Is(err, process.ErrGone) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for systemd to move process %d to scope %q: %w", pid, unit, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
}

func inUnit(cgroup, unit string) bool {
	path, err := ownCgroup(cgroup)
	return err == nil && strings.HasSuffix(path, "/"+unit)
}

func startScope(ctx context.Context, socket, unit, slice string, pid int) (err error) {
	stream, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if err := stream.SetDeadline(deadline); err != nil {
			stream.Close()
			return err
		}
	}
	conn, err := dbus.NewConn(stream, dbus.WithContext(ctx))
	if err != nil {
		stream.Close()
		return err
	}
	defer conn.Close()
	// No user id is claimed: inside a user namespace it would be the wrong one. systemd takes the one the kernel tells it.
	if err := conn.Auth([]dbus.Auth{dbus.AuthExternal("")}); err != nil {
		return err
	}
	properties := []property{
		{"Description", dbus.MakeVariant("pod " + unit)},
		{"Slice", dbus.MakeVariant(slice)},
		{"PIDs", dbus.MakeVariant([]uint32{uint32(pid)})},
		{"Delegate", dbus.MakeVariant(true)},
		{"CollectMode", dbus.MakeVariant("inactive-or-failed")}, // a failed scope would hold its name for ever
		{"DefaultDependencies", dbus.MakeVariant(false)},
	}
	manager := conn.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1")
	call := manager.CallWithContext(ctx, "org.freedesktop.systemd1.Manager.StartTransientUnit", 0,
		unit, "fail", properties, []auxiliary{})
	return call.Err
}

// property and auxiliary are the argument types a(sv) and a(sa(sv)) of StartTransientUnit.
type property struct {
	Name  string
	Value dbus.Variant
}

type auxiliary struct {
	Name       string
	Properties []property
}
