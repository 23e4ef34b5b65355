package rootless

import (
	"context"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/pod-engine/pod/internal/hint"
)

// Status is how bad a Finding is.
type Status string

const (
	OK      Status = "ok"
	Warning Status = "warning" // something optional does not work
	Failure Status = "failure" // containers, or their network or images, do not work
)

// Finding is what is known about one thing containers need.
type Finding struct {
	Check  string `json:"check"` // what was looked at: "newuidmap"
	Status Status `json:"status"`
	Text   string `json:"text"`          // one line
	Fix    string `json:"fix,omitempty"` // a command, or one line of advice; empty when Status is OK
}

// Tool is a program found on this machine.
type Tool struct {
	Path   string
	SetUID bool // owned by root and set-user-id
	Caps   bool // has file capabilities
}

// FileSystem is one file system's state.
type FileSystem struct {
	Type        int64  // magic number, statfs(2)
	Free        uint64 // bytes an unprivileged user may still write
	Inodes      uint64 // total; 0 where the file system has no fixed number
	FreeInodes  uint64
	MountedName string // for messages: "nfs"; empty for local file systems
}

// ProbeResult is what happened when a user namespace with an overlay was tried out. The zero value is success.
type ProbeResult struct {
	Step byte       // of probe.c: 'u' unshare, 'm' map, 's' mounts, 'o' overlay, 'c' copy up, 'd' whiteout
	Err  unix.Errno // of that step
	Ran  error      // why nothing could be tried
}

// Facts is the machine as Diagnose sees it: files below Root, and functions for what is not in files.
type Facts struct {
	Root     string // put before every path that is read; "" is the machine itself
	UID, GID int    // outside
	User     string // "" for an id without a name
	Kernel   string // release, uname(2)
	DataDir  string
	StoreDir string // where images are kept
	// RuntimeDir is the base of the run directory.
	RuntimeDir string

	Env        func(name string) string
	Tool       func(name string) (Tool, error)
	Output     func(ctx context.Context, path string, args ...string) (string, error)
	FileSystem func(path string) (FileSystem, error)
	Usable     func(path string) error // opens a device for reading and writing
	// Holder gives the living holder's pid and its map of user ids; pid 0 when there is none.
	Holder func() (pid int, uidMap []IDMapping, err error)
	// Probe tries a user namespace and in it an overlay whose lower layer is on the file system of lower, and whose upper layer on that of upper.
	Probe func(ctx context.Context, lower, upper string) ProbeResult
}

// HostFacts are the facts of this machine for the user who runs the program. storeDir may be empty: the storage library's
// usual place.
func HostFacts(storeDir string) (Facts, error) {
	here, err := locate()
	if err != nil {
		return Facts{}, fmt.Errorf("read the id maps of this process: %w", err)
	}
	f, err := hostFacts(here.uid, here.gid)
	if storeDir != "" {
		f.StoreDir = storeDir
	}
	return f, err
}

// Diagnose looks at everything containers of this user need and gives one Finding each, always in the same order. It works
// without Enter, and tells more when called outside of the namespaces.
func Diagnose(ctx context.Context, f Facts) []Finding {
	probe := f.Probe(ctx, f.StoreDir, f.DataDir)
	findings := []Finding{f.checkKernel()}
	if f.UID != 0 {
		findings = append(findings,
			f.checkMapTool("newuidmap"),
			f.checkMapTool("newgidmap"),
			f.checkRanges(subUID),
			f.checkRanges(subGID),
			f.checkNewPrivileges(),
			f.checkUserNamespaces(probe),
			f.checkHolder(),
			f.checkRuntimeDir(),
			f.checkUserManager(),
			f.checkLinger(),
		)
	}
	findings = append(findings, f.checkOverlay(probe), f.checkFuse(probe), f.checkCgroups())
	findings = append(findings, f.checkRuntimes(ctx)...)
	return append(findings,
		f.checkTun(),
		f.checkNetworkHelper(),
		f.checkLowPorts(),
		f.checkPing(),
		f.checkDataDir(),
		f.checkSpace("data space", f.DataDir, 1<<30),
		f.checkSpace("run space", f.RuntimeDir, 16<<20),
		f.checkKeys(),
	)
}

func ok(check, format string, args ...any) Finding {
	return Finding{Check: check, Status: OK, Text: fmt.Sprintf(format, args...)}
}

// path is where this machine's file really is.
func (f Facts) path(p string) string { return f.Root + p }

// read gives a small file's text without surrounding space; a missing file is "", false.
func (f Facts) read(p string) (string, bool) {
	b, err := os.ReadFile(f.path(p))
	return strings.TrimSpace(string(b)), err == nil
}

func (f Facts) exists(p string) bool {
	_, err := os.Stat(f.path(p))
	return err == nil
}

// name is the user as commands take it.
func (f Facts) name() string {
	if f.User != "" {
		return f.User
	}
	return fmt.Sprint(f.UID)
}

func (f Facts) subordinateNames() []string {
	return subordinateNames(account{Name: f.User}, uint32(f.UID))
}

// namespaceError is the error for a step of making a user namespace, with the fix that Diagnose would give.
func (f Facts) namespaceError(doing string, errno unix.Errno) error {
	finding := f.checkUserNamespaces(ProbeResult{Step: 'u', Err: errno})
	return hint.Wrap(fmt.Errorf("%s: %w: %s", doing, errno, finding.Text), finding.Fix)
}

// install is the command that installs a package, which has another name in each family of systems.
func (f Facts) install(debian, fedora, arch, alpine, suse string) string {
	release, _ := f.read("/etc/os-release")
	like := " "
	for line := range strings.Lines(release) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		if key == "ID" || key == "ID_LIKE" {
			like += strings.Trim(value, `"'`) + " "
		}
	}
	for _, family := range [][2]string{
		{"debian", "sudo apt install " + debian},
		{"ubuntu", "sudo apt install " + debian},
		{"fedora", "sudo dnf install " + fedora},
		{"rhel", "sudo dnf install " + fedora},
		{"arch", "sudo pacman -S " + arch},
		{"alpine", "sudo apk add " + alpine},
		{"suse", "sudo zypper install " + suse},
	} {
		if strings.Contains(like, " "+family[0]+" ") {
			return family[1]
		}
	}
	return "install the package " + debian + " (it may have another name here)"
}
