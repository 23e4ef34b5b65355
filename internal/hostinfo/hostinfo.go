// Package hostinfo reads what the kernel and the distribution say of this machine, for "info": only small files of /proc
// and /etc/os-release. Nothing is cached and no program is started.
package hostinfo

import (
	"bufio"
	"bytes"
	"io/fs"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Host is one reading. What a file does not tell is zero; only a missing /proc is an error.
type Host struct {
	Arch         string // in Go's words: amd64
	CPUs         int
	Distribution Distribution
	Hostname     string
	Kernel       string // release, "6.1.0-18-amd64"
	Load         Load
	MemFree      int64 // bytes
	MemTotal     int64
	SwapFree     int64
	SwapTotal    int64
	Uptime       time.Duration

	CgroupVersion string // "v2" when /sys/fs/cgroup is the unified hierarchy, else "v1"
	AppArmor      bool   // the kernel confines with it
	SELinux       bool
	Seccomp       bool
}

// Distribution is the operating system by os-release(5).
type Distribution struct {
	ID, Variant, Version, Codename string
}

// Load is how the processors spent their time since the machine started, in per cent.
type Load struct{ User, System, Idle float64 }

// Read reads root, which is os.DirFS("/") but in tests.
func Read(root fs.FS) (Host, error) {
	h := Host{Arch: runtime.GOARCH}
	stat, err := fs.ReadFile(root, "proc/stat")
	if err != nil {
		return Host{}, err
	}
	h.CPUs, h.Load = parseStat(stat)
	h.Hostname = readLine(root, "proc/sys/kernel/hostname")
	h.Kernel = readLine(root, "proc/sys/kernel/osrelease")
	seconds, _, _ := strings.Cut(readLine(root, "proc/uptime"), " ")
	if s, err := strconv.ParseFloat(seconds, 64); err == nil {
		h.Uptime = time.Duration(s * float64(time.Second))
	}
	h.readMemory(root)
	h.Distribution = readDistribution(root)
	h.CgroupVersion = cgroupVersion(root)
	// The kernel shows this directory only when the module confines.
	_, err = fs.Stat(root, "proc/self/attr/apparmor/current")
	h.AppArmor = err == nil
	filesystems, _ := fs.ReadFile(root, "proc/filesystems")
	h.SELinux = bytes.Contains(filesystems, []byte("\tselinuxfs\n"))
	status, _ := fs.ReadFile(root, "proc/self/status")
	h.Seccomp = bytes.Contains(status, []byte("\nSeccomp:"))
	return h, nil
}

func readLine(root fs.FS, name string) string {
	b, _ := fs.ReadFile(root, name) // an unreadable fact is an unknown one
	line, _, _ := strings.Cut(string(b), "\n")
	return line
}

func (h *Host) readMemory(root fs.FS) {
	into := map[string]*int64{"MemFree": &h.MemFree, "MemTotal": &h.MemTotal, "SwapFree": &h.SwapFree, "SwapTotal": &h.SwapTotal}
	b, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(b)) {
		name, rest, _ := strings.Cut(line, ":")
		to, ok := into[name]
		if fields := strings.Fields(rest); ok && len(fields) > 0 {
			kib, err := strconv.ParseInt(fields[0], 10, 64)
			if err == nil {
				*to = kib * 1024
			}
		}
	}
}

// parseStat reads proc(5)'s stat: the line of all processors, and one line per processor.
func parseStat(stat []byte) (cpus int, load Load) {
	for line := range strings.Lines(string(stat)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !strings.HasPrefix(fields[0], "cpu") {
			continue
		}
		if fields[0] != "cpu" {
			cpus++
			continue
		}
		var ticks [8]float64 // user nice system idle iowait irq softirq steal
		var sum float64
		for i := 0; i < len(ticks) && i+1 < len(fields); i++ {
			ticks[i], _ = strconv.ParseFloat(fields[i+1], 64)
			sum += ticks[i]
		}
		if sum > 0 {
			load = Load{percent(ticks[0]+ticks[1], sum), percent(ticks[2], sum), percent(ticks[3], sum)}
		}
	}
	return cpus, load
}

// percent keeps two decimals.
func percent(part, sum float64) float64 {
	return float64(int64(part/sum*10000+0.5)) / 100
}

func readDistribution(root fs.FS) Distribution {
	var d Distribution
	text, err := fs.ReadFile(root, "etc/os-release")
	if err != nil {
		// /etc/os-release is an absolute link on some systems, which a file system cannot follow.
		text, _ = fs.ReadFile(root, "usr/lib/os-release")
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), "=")
		value = strings.Trim(value, `"'`)
		switch key {
		case "ID":
			d.ID = value
		case "VARIANT_ID":
			d.Variant = value
		case "VERSION_ID":
			d.Version = value
		case "VERSION_CODENAME":
			d.Codename = value
		}
	}
	return d
}

// cgroupVersion looks at what is mounted last on /sys/fs/cgroup (proc(5), mountinfo).
func cgroupVersion(root fs.FS) string {
	version := "v1"
	text, _ := fs.ReadFile(root, "proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if len(fields) < 5 || fields[4] != "/sys/fs/cgroup" {
			continue
		}
		version = "v1"
		if strings.HasPrefix(after, "cgroup2 ") {
			version = "v2"
		}
	}
	return version
}
