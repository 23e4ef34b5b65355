package main

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// syscalls reports what the kernel answers. The arguments are such that an allowed call has no effect: it fails with another
// error (EINVAL, EBADF, EFAULT, ESRCH), which tells it apart from a denied one (EPERM, ENOSYS).
func (r report) syscalls() {
	const bad = ^uintptr(0)
	for _, c := range []struct {
		name       string
		number     uintptr
		a, b, d, e uintptr
	}{
		{"acct", unix.SYS_ACCT, 1, 0, 0, 0},
		{"add_key", unix.SYS_ADD_KEY, 1, 1, 0, 0},
		{"bpf", unix.SYS_BPF, bad, 0, 0, 0},
		{"clock_settime", unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, 1, 0, 0},
		{"clone3", unix.SYS_CLONE3, 0, 0, 0, 0},
		{"delete_module", unix.SYS_DELETE_MODULE, 1, 0, 0, 0},
		{"fanotify_init", unix.SYS_FANOTIFY_INIT, bad, 0, 0, 0},
		{"finit_module", unix.SYS_FINIT_MODULE, bad, 0, 0, 0},
		{"fsopen", unix.SYS_FSOPEN, 1, 0, 0, 0},
		{"init_module", unix.SYS_INIT_MODULE, 1, 0, 0, 0},
		{"io_uring_setup", unix.SYS_IO_URING_SETUP, 0, 0, 0, 0},
		{"kexec_load", unix.SYS_KEXEC_LOAD, 0, bad, 0, bad},
		{"keyctl", unix.SYS_KEYCTL, bad, 0, 0, 0},
		{"lookup_dcookie", lookupDcookie, 0, 0, 0, 0},
		{"mount", unix.SYS_MOUNT, 1, 1, 1, 0},
		{"mount_setattr", unix.SYS_MOUNT_SETATTR, bad, 1, 0, 0},
		{"move_mount", unix.SYS_MOVE_MOUNT, bad, 1, bad, 1},
		{"open_by_handle_at", unix.SYS_OPEN_BY_HANDLE_AT, bad, 1, 0, 0},
		{"open_tree", unix.SYS_OPEN_TREE, bad, 1, 1, 0},
		{"perf_event_open", unix.SYS_PERF_EVENT_OPEN, 1, 0, 0, 0},
		{"pivot_root", unix.SYS_PIVOT_ROOT, 1, 1, 0, 0},
		{"process_vm_readv", unix.SYS_PROCESS_VM_READV, 0x7fffffff, 0, 0, 0},
		{"ptrace", unix.SYS_PTRACE, unix.PTRACE_ATTACH, 0x7fffffff, 0, 0},
		{"quotactl", unix.SYS_QUOTACTL, bad, 1, 0, 0},
		{"reboot", unix.SYS_REBOOT, 0, 0, 0, 0},
		{"request_key", unix.SYS_REQUEST_KEY, 1, 1, 0, 0},
		{"setns", unix.SYS_SETNS, bad, 0, 0, 0},
		{"settimeofday", unix.SYS_SETTIMEOFDAY, 1, 0, 0, 0},
		{"swapon", unix.SYS_SWAPON, 1, bad, 0, 0},
		{"syslog", unix.SYS_SYSLOG, 3, 0, bad, 0},
		{"umount2", unix.SYS_UMOUNT2, 1, 0, 0, 0},
		{"unshare(CLONE_NEWNS)", unix.SYS_UNSHARE, unix.CLONE_NEWNS | unix.CLONE_NEWUSER, 0, 0, 0},
		{"unshare(CLONE_NEWUSER)", unix.SYS_UNSHARE, unix.CLONE_NEWUSER, 0, 0, 0},
		{"userfaultfd", unix.SYS_USERFAULTFD, bad, 0, 0, 0},
		{"vhangup", unix.SYS_VHANGUP, 0, 0, 0, 0},
	} {
		_, _, errno := unix.RawSyscall6(c.number, c.a, c.b, c.d, c.e, 0, 0)
		r.set("syscall."+c.name, answer(errno))
	}
	for _, family := range []struct {
		name string
		id   uintptr
	}{
		{"AF_ALG", unix.AF_ALG}, {"AF_VSOCK", unix.AF_VSOCK}, {"AF_INET", unix.AF_INET}, {"AF_UNIX", unix.AF_UNIX}, {"AF_PACKET", unix.AF_PACKET},
	} {
		kind := uintptr(unix.SOCK_DGRAM)
		if family.id == unix.AF_ALG {
			kind = unix.SOCK_SEQPACKET
		}
		if family.id == unix.AF_VSOCK {
			kind = unix.SOCK_STREAM
		}
		r.set("socket."+family.name, socketAnswer(unix.RawSyscall(unix.SYS_SOCKET, family.id, kind, 0)))
		r.set("socketcall32."+family.name, socketcall32(family.id, kind))
	}
	r.set("socket.raw", socketAnswer(unix.RawSyscall(unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)))
}

func answer(errno unix.Errno) string {
	if errno == 0 {
		return "allowed"
	}
	return unix.ErrnoName(errno)
}

func socketAnswer(fd, _ uintptr, errno unix.Errno) string {
	if errno == 0 {
		unix.Close(int(fd))
	}
	return answer(errno)
}

// socketcall32 makes a socket through the multiplexer of the 32-bit interface, whose arguments are in memory, where a
// seccomp filter cannot see them.
func socketcall32(family, kind uintptr) string {
	if !has32bit {
		return "not tried"
	}
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|map32bit)
	if err != nil {
		return errnoName(err)
	}
	defer unix.Munmap(page)
	args := (*[3]uint32)(unsafe.Pointer(&page[0]))
	args[0], args[1] = uint32(family), uint32(kind)
	const sysSocketcall, sysSocket = 102, 1
	result := int32(int80(sysSocketcall, sysSocket, uintptr(unsafe.Pointer(&page[0]))))
	if result >= 0 {
		unix.Close(int(result))
		return "allowed"
	}
	return unix.ErrnoName(unix.Errno(-result))
}
