package container

import (
	"errors"
	"reflect"
	"strings"
	"syscall"
	"testing"
)

// parseCase is one value of a flag: either what it means, or a part of the message that refuses it.
type parseCase[T any] struct {
	in   string
	want T
	err  string
}

func testParse[T any](t *testing.T, parse func(string) (T, error), cases []parseCase[T]) {
	t.Helper()
	for _, c := range cases {
		got, err := parse(c.in)
		if c.err != "" {
			checkInvalid(t, c.in, err, c.err)
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
		} else if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, want %+v", c.in, got, c.want)
		}
	}
}

// checkInvalid wants an InvalidError with the text, and advice after a semicolon.
func checkInvalid(t *testing.T, in string, err error, part string) {
	t.Helper()
	var invalid *InvalidError
	switch {
	case err == nil:
		t.Errorf("%q: accepted, want an error with %q", in, part)
	case !errors.As(err, &invalid):
		t.Errorf("%q: error is %T, want *InvalidError", in, err)
	case !strings.Contains(err.Error(), part):
		t.Errorf("%q: error %q, want it to have %q", in, err, part)
	case !strings.Contains(err.Error(), "; "):
		t.Errorf("%q: error %q does not say what to do", in, err)
	}
}

func TestParseSize(t *testing.T) {
	testParse(t, ParseSize, []parseCase[int64]{
		{in: "0"},
		{in: "1024", want: 1024},
		{in: "1b", want: 1},
		{in: "64m", want: 64 << 20},
		{in: "64MB", want: 64 << 20},
		{in: "2GiB", want: 2 << 30},
		{in: "1.5g", want: 3 << 29},
		{in: "1t", want: 1 << 40},
		{in: "3p", want: 3 << 50},
		{in: "", err: "not a size"},
		{in: "m", err: "not a size"},
		{in: "-1", err: "not a size"},
		{in: "1x", err: "not a size"},
		{in: "1mm", err: "not a size"},
		{in: "0x10", err: "not a size"},
		{in: "1e3", err: "not a size"},
		{in: "1 m", err: "not a size"},
		{in: "9223372036854775807k", err: "more than"},
		{in: "9999999999999999999999", err: "more than"},
		{in: "NaN", err: "not a size"},
		{in: "1.2.3m", err: "not a size"},
	})
	testParse(t, ParseSwap, []parseCase[int64]{{in: "-1", want: -1}, {in: "1g", want: 1 << 30}, {in: "-2", err: "not a size"}})
}

func TestParseCPUs(t *testing.T) {
	testParse(t, ParseCPUs, []parseCase[float64]{
		{in: "0"},
		{in: "1.5", want: 1.5},
		{in: ".5", want: 0.5},
		{in: "", err: "number of CPUs"},
		{in: "-1", err: "number of CPUs"},
		{in: "inf", err: "number of CPUs"},
		{in: "nan", err: "number of CPUs"},
		{in: "0.001", err: "cannot be given"},
		{in: "99999999999", err: "cannot be given"},
		{in: ".", err: "number of CPUs"},
	})
}

func TestParseSignal(t *testing.T) {
	testParse(t, ParseSignal, []parseCase[syscall.Signal]{
		{in: "9", want: 9},
		{in: "TERM", want: 15},
		{in: "sigterm", want: 15},
		{in: "SIGRTMIN+3", want: 37},
		{in: "rtmax-1", want: 63},
		{in: "RTMIN", want: 34},
		{in: "RTMAX", want: 64},
		{in: "64", want: 64},
		{in: "IOT", want: 6},
		{in: "0", err: "not a signal"},
		{in: "65", err: "not a signal"},
		{in: "-9", err: "not a signal"},
		{in: "", err: "not a signal"},
		{in: "SIG", err: "not a signal"},
		{in: "SIGSIGTERM", err: "not a signal"},
		{in: "RTMIN+31", err: "not a signal"},
		{in: "RTMIN-1", err: "not a signal"},
		{in: "RTMIN++1", err: "not a signal"},
		{in: "RTMAX-31", err: "not a signal"},
	})
	for n := 1; n <= 64; n++ {
		if sig, err := ParseSignal(SignalName(syscall.Signal(n))); err != nil || int(sig) != n {
			t.Errorf("signal %d is named %q, which reads as %d, %v", n, SignalName(syscall.Signal(n)), sig, err)
		}
	}
	for n, name := range signalNames() {
		if n > 0 && n < 32 && SignalName(syscall.Signal(n)) != "SIG"+name {
			t.Errorf("signal %d: %q", n, SignalName(syscall.Signal(n)))
		}
	}
	if syscall.SIGWINCH != 28 || signalNames()[28] != "WINCH" || signalNames()[31] != "SYS" {
		t.Error("the table of names is out of step with the numbers")
	}
}

func TestParsePort(t *testing.T) {
	testParse(t, ParsePort, []parseCase[Port]{
		{in: "80", want: Port{ContainerPort: 80, Count: 1, Protocol: "tcp"}},
		{in: "8080:80", want: Port{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}},
		{in: "8080:80/UDP", want: Port{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "udp"}},
		{in: "127.0.0.1:8080:80/sctp", want: Port{HostIP: "127.0.0.1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "sctp"}},
		{in: "127.0.0.1::80", want: Port{HostIP: "127.0.0.1", ContainerPort: 80, Count: 1, Protocol: "tcp"}},
		{in: "[::1]:8080:80", want: Port{HostIP: "::1", HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "tcp"}},
		{in: "[::1]::80", want: Port{HostIP: "::1", ContainerPort: 80, Count: 1, Protocol: "tcp"}},
		{in: "8000-8010:9000-9010", want: Port{HostPort: 8000, ContainerPort: 9000, Count: 11, Protocol: "tcp"}},
		{in: "9000-9010", want: Port{ContainerPort: 9000, Count: 11, Protocol: "tcp"}},
		{in: "0:80", want: Port{ContainerPort: 80, Count: 1, Protocol: "tcp"}},
		{in: "1-65535", want: Port{ContainerPort: 1, Count: 65535, Protocol: "tcp"}},
		{in: "published=8080,target=80,protocol=udp", want: Port{HostPort: 8080, ContainerPort: 80, Count: 1, Protocol: "udp"}},
		{in: "", err: "not a port"},
		{in: "0", err: "not a port"},
		{in: "65536", err: "not a port"},
		{in: "-1", err: "not a port"},
		{in: "80/quic", err: "protocol"},
		{in: "8000-8010:80", err: "as many on both sides"},
		{in: "9-8", err: "not a port"},
		{in: "::1:8080:80", err: "in brackets"},
		{in: "localhost:80:80", err: "not an address"},
		{in: "[fe80::1%eth0]:1:1", err: "not an address"},
		{in: ":80:80", err: "is empty"},
		{in: "65530-65535:65531-65536", err: "not a port"},
		{in: "80;rm", err: "not a port"},
		{in: "published=1,target=2,foo=3", err: "not about a port"},
		{in: "999999999999999999999:1", err: "not a port"},
		{in: "+80", err: "not a port"},
	})
	testParse(t, ParseExpose, []parseCase[string]{{in: "80", want: "80/tcp"}, {in: "80-90/udp", want: "80-90/udp"}, {in: "x", err: "not a port"}, {in: "1:2", err: "not a port"}})
}

func TestParseUlimit(t *testing.T) {
	testParse(t, ParseUlimit, []parseCase[Ulimit]{
		{in: "nofile=1024", want: Ulimit{"nofile", 1024, 1024}},
		{in: "nofile=1024:2048", want: Ulimit{"nofile", 1024, 2048}},
		{in: "RLIMIT_CORE=-1", want: Ulimit{"core", -1, -1}},
		{in: "core=0:unlimited", want: Ulimit{"core", 0, -1}},
		{in: "nofile", err: "no value"},
		{in: "files=1", err: "not a resource limit"},
		{in: "nofile=2:1", err: "above its hard"},
		{in: "nofile=-1:5", err: "above its hard"},
		{in: "nofile=x", err: "not a limit"},
		{in: "nofile=1:2:3", err: "not a limit"},
		{in: "nofile=-2", err: "not a limit"},
	})
}

func TestParseSysctl(t *testing.T) {
	parse := func(s string) ([2]string, error) {
		name, value, err := ParseSysctl(s)
		return [2]string{name, value}, err
	}
	testParse(t, parse, []parseCase[[2]string]{
		{in: "net.ipv4.ip_forward=1", want: [2]string{"net.ipv4.ip_forward", "1"}},
		{in: "kernel.shmmax = 100", want: [2]string{"kernel.shmmax", "100"}},
		{in: "fs.mqueue.msg_max=10", want: [2]string{"fs.mqueue.msg_max", "10"}},
		{in: "net.ipv4.conf/eth0.100/forwarding=1", want: [2]string{"net.ipv4.conf/eth0.100/forwarding", "1"}},
		{in: "net.ipv4.ip_forward", err: "no value"},
		{in: "kernel.core_pattern=|/bin/sh", err: "whole machine"},
		{in: "kernel.shm_rmid_forced=1+kernel.core_pattern=|/x", err: "not a value"},
		{in: "net.a=1\nkernel.core_pattern=x", err: "not a value"},
		{in: "net./../../kernel/core_pattern=1", err: "not the name"},
		{in: "net.ipv4/../../../kernel/core_pattern=x", err: "not the name"},
		{in: "net.a/./b=1", err: "not the name"},
		{in: "net..a=1", err: "not the name"},
		{in: "kernel.hostname=x", err: "whole machine"},
		{in: "NET.ipv4=1", err: "whole machine"},
		{in: "net.ipv4.x=$(id)", err: "not a value"},
		{in: "=1", err: "whole machine"},
	})
}

func TestParseVolume(t *testing.T) {
	parse := func(s string) (Mount, error) { return ParseVolume(s, "/here") }
	bind := func(src, dst string, ro bool, options ...string) Mount {
		return Mount{Type: MountBind, Source: src, Destination: dst, ReadOnly: ro, Options: options}
	}
	testParse(t, parse, []parseCase[Mount]{
		{in: "/a:/b", want: bind("/a", "/b", false)},
		{in: "./a:/b:ro", want: bind("/here/a", "/b", true)},
		{in: "..:/b/", want: bind("/", "/b", false)},
		{in: "/a/../c:/b:z,rshared,noexec", want: bind("/c", "/b", false, "z", "rshared", "noexec")},
		{in: "/a:/b:rw,cached", want: bind("/a", "/b", false)},
		{in: "/sys/fs/cgroup:/sys/fs/cgroup:ro", want: bind("/sys/fs/cgroup", "/sys/fs/cgroup", true)},
		{in: "/lxcfs/meminfo:/proc/meminfo", want: bind("/lxcfs/meminfo", "/proc/meminfo", false)},
		{in: "/dev/dri:/dev/dri", want: bind("/dev/dri", "/dev/dri", false)},
		{in: "data:/b", err: `"data" is not a path; give an absolute path or one that starts with "./"`},
		{in: "/b", err: "has no source"},
		{in: ":/b", err: "source is empty"},
		{in: "/a:b", err: "not absolute"},
		{in: "/a:/", err: "container's root"},
		{in: "/a:/b/../..", err: "container's root"},
		{in: "/a:/b:ro:x", err: "too many colons"},
		{in: "/a:/b:O", err: "not for bind"},
		{in: "/a:/b:foo", err: "not known"},
		{in: "/a:", err: "not absolute"},
		{in: "/a:/b:shared,rslave", err: "exclude each other"},
		{in: "/a:/b:z,Z", err: "exclude each other"},
		{in: "/a:/b:exec,noexec", err: "exclude"},
		{in: "/a:/proc", err: "kernel's file systems"},
		{in: "/a:/proc/self", err: "kernel's file systems"},
		{in: "/a:/proc/sys", err: "kernel's file systems"},
		{in: "/a:/sys", err: "kernel's file systems"},
		{in: "/a:/dev", err: "kernel's file systems"},
		{in: "/a:/dev/pts", err: "kernel's file systems"},
		{in: "/a:/dev/console", err: "kernel's file systems"},
		{in: "/a:/sys/fs/cgroup", err: "kernel's file systems"},
		{in: "/a:/x/../proc", err: "kernel's file systems"},
		{in: "/a\x00b:/b", err: "not an absolute path"},
		{in: "/a:/b\x00", err: "plain path"},
		{in: "/a:/" + strings.Repeat("b", 5000), err: "plain path"},
	})
}

func TestParseTmpfs(t *testing.T) {
	testParse(t, ParseTmpfs, []parseCase[Mount]{
		{in: "/t", want: Mount{Type: MountTmpfs, Destination: "/t"}},
		{in: "/t:ro,size=64m,mode=1777", want: Mount{Type: MountTmpfs, Destination: "/t", ReadOnly: true, Options: []string{"size=64m", "mode=1777"}}},
		{in: "/t:size=50%,notmpcopyup,uid=1000", want: Mount{Type: MountTmpfs, Destination: "/t", Options: []string{"size=50%", "notmpcopyup", "uid=1000"}}},
		{in: "/dev/shm", want: Mount{Type: MountTmpfs, Destination: "/dev/shm"}},
		{in: "t", err: "not absolute"},
		{in: "", err: "not absolute"},
		{in: "/t:size=x", err: "not a size"},
		{in: "/t:size=101%", err: "share of memory"},
		{in: "/t:mode=9", err: "octal"},
		{in: "/t:rbind", err: "not known"},
		{in: "/t:shared", err: "not known"},
		{in: "/t:size=1m,size=2m", err: "exclude"},
		{in: "/proc/x", err: "kernel's"},
		{in: "/t:uid=-1", err: "not an id"},
	})
}

func TestParseMount(t *testing.T) {
	parse := func(s string) (Mount, error) { return ParseMount(s, "/here") }
	testParse(t, parse, []parseCase[Mount]{
		{in: "type=bind,source=/a,target=/b", want: Mount{Type: MountBind, Source: "/a", Destination: "/b"}},
		{in: "src=./a,dst=/b,ro", want: Mount{Type: MountBind, Source: "/here/a", Destination: "/b", ReadOnly: true}},
		{in: "type=bind,src=/a,destination=/b,readonly=true,bind-propagation=rslave", want: Mount{Type: MountBind, Source: "/a", Destination: "/b", ReadOnly: true, Options: []string{"rslave"}}},
		{in: "type=bind,src=/a,dst=/b,bind-nonrecursive,relabel=private,U=true", want: Mount{Type: MountBind, Source: "/a", Destination: "/b", Options: []string{"bind", "Z", "U"}}},
		{in: "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=700", want: Mount{Type: MountTmpfs, Destination: "/t", Options: []string{"size=1m", "mode=700"}}},
		{in: `type=bind,"src=/a,b",dst=/c`, want: Mount{Type: MountBind, Source: "/a,b", Destination: "/c"}},
		{in: "type=volume,src=x,dst=/b", err: "type=bind or type=tmpfs"},
		{in: "type=bind,src=/a", err: "add target="},
		{in: "type=bind,dst=/b", err: "needs a source"},
		{in: "type=tmpfs,src=/a,dst=/b", err: "no source"},
		{in: "type=bind,src=/a,dst=/b,bind-propagation=x", err: "not known"},
		{in: "type=bind,src=/a,dst=/b,foo=1", err: "not known"},
		{in: "type=bind,src=/a,dst=/b,ro=maybe", err: "neither true nor false"},
		{in: "", err: "cannot be read"},
		{in: `"`, err: "cannot be read"},
		{in: "type=bind,src=x,dst=/b", err: "not a path"},
		{in: "type=bind,src=/a,dst=/dev", err: "kernel's"},
	})
}

func TestParseAddHost(t *testing.T) {
	testParse(t, ParseAddHost, []parseCase[string]{
		{in: "db:10.0.0.1", want: "db:10.0.0.1"},
		{in: "db=::1", want: "db:::1"},
		{in: "db:::1", want: "db:::1"},
		{in: "host:host-gateway", want: "host:host-gateway"},
		{in: "a;b:1.2.3.4", want: "a;b:1.2.3.4"},
		{in: "db", err: "no address"},
		{in: "db:x", err: "not an address"},
		{in: ":1.2.3.4", err: "empty host name"},
		{in: "a b:1.2.3.4", err: "host name"},
		{in: "a\nb:1.2.3.4", err: "host name"},
	})
}

func TestParseCapability(t *testing.T) {
	testParse(t, ParseCapability, []parseCase[string]{
		{in: "net_admin", want: "CAP_NET_ADMIN"},
		{in: "CAP_CHOWN", want: "CAP_CHOWN"},
		{in: "all", want: "ALL"},
		{in: "", err: "not a capability"},
		{in: "CAP_", err: "not a capability"},
		{in: "NET_ADMIN\x1b[31m", err: "not a capability"},
	})
	if len(Capabilities()) != 41 {
		t.Errorf("there are 41 capabilities up to Linux 5.9 and none since; the list has %d", len(Capabilities()))
	}
}

func TestParseRestart(t *testing.T) {
	testParse(t, ParseRestart, []parseCase[Restart]{
		{in: "no", want: Restart{Policy: RestartNo}},
		{in: "on-failure:5", want: Restart{RestartOnFailure, 5}},
		{in: "unless-stopped", want: Restart{Policy: RestartUnlessStopped}},
		{in: "always:3", err: "only on-failure"},
		{in: "on-failure:-1", err: "number of tries"},
		{in: "sometimes", err: "not known"},
		{in: "", err: "not known"},
		{in: "on-failure:99999999999", err: "number of tries"},
	})
}

func TestParseUmaskAndEntrypoint(t *testing.T) {
	testParse(t, ParseUmask, []parseCase[uint32]{{in: "0022", want: 0o22}, {in: "0"}, {in: "8", err: "umask"}, {in: "7777", err: "umask"}, {in: "-1", err: "umask"}})
	testParse(t, ParseEntrypoint, []parseCase[[]string]{
		{in: "", want: []string{}}, {in: "/bin/sh", want: []string{"/bin/sh"}}, {in: `["a","b c"]`, want: []string{"a", "b c"}}, {in: "[]", want: []string{}}, {in: "[1]", err: "JSON"},
	})
}

func TestParseEnv(t *testing.T) {
	caller := Environ{"A=1", "AB=2", "C=x=y", "broken"}
	parse := func(s string) ([]string, error) { return ParseEnv(s, caller) }
	testParse(t, parse, []parseCase[[]string]{
		{in: "X=1", want: []string{"X=1"}},
		{in: "X=", want: []string{"X="}},
		{in: "A", want: []string{"A=1"}},
		{in: "C", want: []string{"C=x=y"}},
		{in: "NOT"},
		{in: "A*", want: []string{"A=1", "AB=2"}},
		{in: "A*=1", want: []string{"A*=1"}},
		{in: "X=a\nb", want: []string{"X=a\nb"}},
		{in: "", err: "names no variable"},
		{in: "=1", err: "names no variable"},
		{in: "A B=1", err: "white space"},
		{in: "X=a\x00b", err: "NUL"},
		{in: "X=" + strings.Repeat("a", 1<<18), err: "bytes long"},
	})
	file := func(s string) ([]string, error) { return ParseEnvFile(s, caller) }
	testParse(t, file, []parseCase[[]string]{
		{in: "\ufeff# c\n\n X=1 \r\nA\nNOT\nY=\"q\" # not a comment\n", want: []string{"X=1 ", "A=1", `Y="q" # not a comment`}},
		{in: "A*"},
		{in: "X Y=1", err: "line 1: variable"},
		{in: "\n=1", err: "line 2:"},
		{in: strings.Repeat("A=1\n", 1<<19), err: "at most"},
	})
}

func TestParseLabelFile(t *testing.T) {
	testParse(t, ParseLabelFile, []parseCase[map[string]string]{
		{in: "a=1\n# c\nb\n", want: map[string]string{"a": "1", "b": ""}}, {in: "=x", err: "not a label"}, {in: "a\x1bb=1", err: "not a label"},
	})
}

func TestMergeEnvKeepsPlaceAndLastValue(t *testing.T) {
	got := MergeEnv([]string{"A=1", "B=2"}, []string{"C=3", "A=4"}, []string{"A=5"})
	if want := []string{"A=5", "B=2", "C=3"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLogOptions(t *testing.T) {
	parse := func(s string) (Log, error) {
		l := Log{Driver: LogK8sFile}
		err := l.SetOption(s, "/here")
		return l, err
	}
	testParse(t, parse, []parseCase[Log]{
		{in: "path=log", want: Log{Driver: LogK8sFile, Path: "/here/log"}},
		{in: "max-size=10m", want: Log{Driver: LogK8sFile, MaxSize: 10 << 20}},
		{in: "max-size=-1", want: Log{Driver: LogK8sFile}},
		{in: "max-file=3", want: Log{Driver: LogK8sFile, MaxFile: 3}},
		{in: "tag=x", want: Log{Driver: LogK8sFile, Tag: "x"}},
		{in: "max-file=0", err: "number of files"},
		{in: "labels=x", err: "not known"},
		{in: "tag", err: "no value"},
	})
}

func TestSecurityOptions(t *testing.T) {
	read := func(string) (string, error) { return `{"defaultAction":"SCMP_ACT_ALLOW"}`, nil }
	parse := func(s string) (Security, error) {
		var sec Security
		err := sec.SetOption(s, read)
		return sec, err
	}
	testParse(t, parse, []parseCase[Security]{
		{in: "no-new-privileges", want: Security{NoNewPrivileges: true}},
		{in: "no-new-privileges:false"},
		{in: "no-new-privileges=true", want: Security{NoNewPrivileges: true}},
		{in: "seccomp=unconfined", want: Security{Seccomp: "unconfined"}},
		{in: "seccomp:p.json", want: Security{Seccomp: `{"defaultAction":"SCMP_ACT_ALLOW"}`}},
		{in: "seccomp=builtin"},
		{in: "apparmor=x", want: Security{AppArmor: "x"}},
		{in: "label=disable", want: Security{Label: []string{"disable"}}},
		{in: "label=type:t", want: Security{Label: []string{"type:t"}}},
		{in: "mask=/a:/b", want: Security{Mask: []string{"/a", "/b"}}},
		{in: "unmask=all", want: Security{Unmask: []string{"ALL"}}},
		{in: "unmask=/proc/*", want: Security{Unmask: []string{"/proc/*"}}},
		{in: "systempaths=unconfined", want: Security{Unmask: []string{"ALL"}}},
		{in: "proc-opts=hidepid=2,subset=pid", want: Security{ProcOptions: []string{"hidepid=2", "subset=pid"}}},
		{in: "no-new-privileges=x", err: "neither"},
		{in: "foo=1", err: "not known"},
		{in: "apparmor", err: "no value"},
		{in: "mask=a", err: "absolute"},
		{in: "mask=ALL", err: "not everything"},
		{in: "label=x", err: "not known"},
		{in: "systempaths=x", err: "not known"},
		{in: "proc-opts=rw", err: "proc(5)"},
		{in: "proc-opts=hidepid=", err: "proc(5)"},
		{in: "unmask=/a/../b", err: "absolute"},
	})
	var sec Security
	checkInvalid(t, "seccomp", sec.SetOption("seccomp=x", func(string) (string, error) { return "{", nil }), "not JSON")
}

func TestRandomNameIsAName(t *testing.T) {
	adjectives, nouns := len(strings.Fields(nameAdjectives)), len(strings.Fields(nameNouns))
	if adjectives < 60 || nouns < 60 {
		t.Errorf("%d adjectives and %d nouns; want 60 of each", adjectives, nouns)
	}
	seen := make(map[string]bool)
	for i := range adjectives {
		for j := range nouns {
			n := -1
			name := RandomName(func(int) int { n++; return []int{i, j}[n] })
			if err := CheckName(name); err != nil || seen[name] {
				t.Fatalf("%q: %v, seen before: %v", name, err, seen[name])
			}
			seen[name] = true
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, ok := range []string{"a", "0", "web-1", "a_b.c", strings.Repeat("a", 255)} {
		if err := CheckName(ok); err != nil {
			t.Errorf("%q: %v", ok, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "../x", "-a", "_a", "a/b", "a b", "é", "a\x00", "a\n", strings.Repeat("a", 256)} {
		checkInvalid(t, bad, CheckName(bad), "cannot be a name")
	}
}
