package hostinfo

import (
	"os"
	"runtime"
	"testing"
	"testing/fstest"
	"time"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestRead(t *testing.T) {
	got, err := Read(fstest.MapFS{
		"proc/stat":                       file("cpu  300 100 200 1300 50 0 50 0 0 0\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nintr 5\n"),
		"proc/meminfo":                    file("MemTotal:       2048 kB\nMemFree:  1024 kB\nSwapTotal: 0 kB\nSwapFree: 12 kB\nHugePages: x\n"),
		"proc/uptime":                     file("3661.50 100.0\n"),
		"proc/sys/kernel/hostname":        file("h\n"),
		"proc/sys/kernel/osrelease":       file("6.1.0\n"),
		"proc/filesystems":                file("nodev\tselinuxfs\n\text4\n"),
		"proc/self/status":                file("Name:\tx\nSeccomp:\t0\n"),
		"proc/self/mountinfo":             file("1 2 0:3 / /sys/fs/cgroup rw - tmpfs t rw\n2 2 0:4 / /sys/fs/cgroup rw shared:1 - cgroup2 c rw\n3 2 0:5 / /x rw - ext4 / rw\n"),
		"proc/self/attr/apparmor/current": file("unconfined\n"),
		"usr/lib/os-release":              file("NAME=\"X\"\nID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\nVARIANT_ID='v'\n"),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := Host{
		Arch: runtime.GOARCH, CPUs: 2, Distribution: Distribution{"debian", "v", "12", "bookworm"}, Hostname: "h", Kernel: "6.1.0",
		Load: Load{20, 10, 65}, MemFree: 1 << 20, MemTotal: 2 << 20, SwapFree: 12 << 10, Uptime: 3661500 * time.Millisecond,
		CgroupVersion: "v2", AppArmor: true, SELinux: true, Seccomp: true,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestReadLittle(t *testing.T) {
	if _, err := Read(fstest.MapFS{}); err == nil {
		t.Error("no /proc: no error")
	}
	got, err := Read(fstest.MapFS{"proc/stat": file("cpu\n"), "proc/meminfo": file("MemTotal:\n:\n"), "proc/self/mountinfo": file("short\n")})
	if err != nil || got != (Host{Arch: runtime.GOARCH, CgroupVersion: "v1"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestReadThisMachine(t *testing.T) {
	got, err := Read(os.DirFS("/"))
	if err != nil || got.CPUs < 1 || got.MemTotal < got.MemFree || got.MemTotal == 0 || got.Kernel == "" || got.Uptime <= 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}
