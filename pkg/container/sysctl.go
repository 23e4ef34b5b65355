package container

import (
	"slices"
	"strings"
)

// ParseSysctl reads NAME=value.
func ParseSysctl(s string) (name, value string, err error) {
	name, value, ok := strings.Cut(s, "=")
	if !ok {
		return "", "", invalid("%q has no value; give NAME=VALUE", clip(s))
	}
	name, value = strings.TrimSpace(name), strings.TrimSpace(value)
	return name, value, checkSysctl(name, value)
}

// sysctlNamespace names the namespace that a kernel setting belongs to, "net" or "ipc"; it is empty for a setting of the
// whole machine. The list is of names known to be namespaced: the kernel gives no way to ask.
func sysctlNamespace(name string) string {
	switch {
	case strings.HasPrefix(name, "net."):
		return "net"
	case strings.HasPrefix(name, "fs.mqueue."):
		return "ipc"
	case slices.Contains([]string{
		"kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall",
		"kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced",
	}, name):
		return "ipc"
	}
	return ""
}

// checkSysctl allows known names and plain values only: the name becomes a path below /proc/sys, and a value with
// separators has carried a second setting past such a list before (CVE-2022-0811).
func checkSysctl(name, value string) error {
	bad := len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool {
		return r > 127 || !isAlnum(byte(r)) && !strings.ContainsRune("_-./", r)
	})
	for _, part := range strings.FieldsFunc(name+"/", func(r rune) bool { return r == '/' }) {
		bad = bad || strings.Trim(part, ".") == ""
	}
	if bad || strings.Contains(name, "..") || strings.Contains(name, "//") || strings.HasSuffix(name, ".") {
		return invalid("%q is not the name of a kernel setting; give one such as net.ipv4.ip_forward", clip(name))
	}
	if sysctlNamespace(name) == "" {
		return invalid("%q belongs to the whole machine, not to a container; give a setting that begins with net. or fs.mqueue., or one of kernel.msg*, kernel.shm*, kernel.sem", clip(name))
	}
	if len(value) > 1024 || strings.ContainsFunc(value, func(r rune) bool {
		return r > 127 || !isAlnum(byte(r)) && !strings.ContainsRune("_-.,: \t", r)
	}) {
		return invalid("%q is not a value of %s; give letters, digits, spaces and \"-\", \".\", \",\", \":\" only", clip(value), name)
	}
	return nil
}
