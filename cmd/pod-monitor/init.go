package main

import (
	"errors"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exit codes of runInit, as shells give them.
const (
	exitUsage         = 125
	exitNotExecutable = 126
	exitNotFound      = 127
)

// runInit is the first process of a container with --init: it starts the command in a process group of its own, passes
// signals on to that group, reaps whatever ends, and ends with the command's exit code.
func runInit(args []string) int {
	if args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		os.Stderr.WriteString("pod-monitor init: a command is missing\n")
		return exitUsage
	}
	path, err := lookPath(args[0], os.Getenv("PATH"))
	if err != nil {
		os.Stderr.WriteString("pod-monitor init: " + err.Error() + "\n")
		return exitNotFound
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals)
	pid, err := syscall.ForkExec(path, args, &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: ownGroup(),
	})
	if err != nil {
		os.Stderr.WriteString("pod-monitor init: execute " + path + ": " + err.Error() + "\n")
		return exitNotExecutable
	}
	go forward(signals, pid)
	return reapUntil(pid)
}

// ownGroup puts the command into a process group, the foreground one where there is a terminal: so the keys of a person
// reach it once, from the terminal, and not a second time from here.
func ownGroup() *syscall.SysProcAttr {
	_, err := unix.IoctlGetTermios(0, unix.TCGETS)
	return &syscall.SysProcAttr{Setpgid: true, Foreground: err == nil, Ctty: 0}
}

// forward passes on every signal but those that speak of this process alone: SIGCHLD, SIGURG (Go's own) and those of
// a background process at the terminal.
func forward(signals <-chan os.Signal, group int) {
	for s := range signals {
		switch s {
		case unix.SIGCHLD, unix.SIGURG, unix.SIGPIPE, unix.SIGTTIN, unix.SIGTTOU:
			continue
		}
		if number, ok := s.(syscall.Signal); ok {
			unix.Kill(-group, number)
		}
	}
}

func reapUntil(pid int) int {
	for {
		var status unix.WaitStatus
		ended, err := unix.Wait4(-1, &status, 0, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			os.Stderr.WriteString("pod-monitor init: wait: " + err.Error() + "\n")
			return exitUsage
		}
		if ended == pid && err == nil {
			return exitCode(status)
		}
	}
}

// lookPath finds a command as a shell does.
func lookPath(name, path string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, dir := range strings.Split(path, ":") {
		if dir == "" {
			dir = "."
		}
		candidate := dir + "/" + name
		info, err := os.Stat(candidate)
		if err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
			return candidate, nil
		}
	}
	return "", &os.PathError{Op: "find", Path: name, Err: errors.New("not found in $PATH")}
}
