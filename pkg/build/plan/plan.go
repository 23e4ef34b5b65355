// Package plan holds what passes between the reader of a Dockerfile and the builder that carries it out: the question
// (Request) and the answer (Answer, with the Plan). It is data alone, and imports nothing of this module.
//
// A Plan is complete: variables are expanded, stages that the target does not need are gone, and every step says all that its
// result depends on but for the files it reads. So the same plan over the same files gives the same image.
package plan

import (
	dockerspec "github.com/moby/docker-image-spec/specs-go/v1"
)

// Config is an image's configuration with what docker has added to it.
type Config = dockerspec.DockerOCIImage

// Plan is a build as a graph: stages that depend on each other, each a chain of steps.
type Plan struct {
	// Stages are those that are needed, in the order of the file; the last one is the target.
	Stages []Stage `json:"stages"`
}

// Stage is one FROM with what follows it.
type Stage struct {
	Index    int      `json:"index"` // of all stages of the file, from 0
	Name     string   `json:"name,omitempty"`
	Line     int      `json:"line"`
	Base     Source   `json:"base"` // never a context, whose files are copied by the first step
	Platform Platform `json:"platform"`
	Steps    []Step   `json:"steps,omitempty"`
	// Config is that of the image the stage makes, with an empty RootFS. The history is that of the target alone, whole but for times.
	Config Config `json:"config"`
	// NoCache says that no step of the stage is taken from the cache.
	NoCache bool `json:"noCache,omitempty"`
	// Scan and ScanContext say that a bill of materials has also what this stage has made, and the main context.
	Scan        bool `json:"scan,omitempty"`
	ScanContext bool `json:"scanContext,omitempty"`
}

// Source is a tree of files: of a stage, of an image, or a context. Nothing set is the empty tree (FROM scratch).
type Source struct {
	Stage   *int   `json:"stage,omitempty"`   // index of the stage
	Image   string `json:"image,omitempty"`   // key of an image, see Need
	Context string `json:"context,omitempty"` // name of a context; MainContext is the build's own
}

// DefaultPath is the variable that a stage has when what it begins with has no PATH.
const DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// MainContext is the name of the context that the build was called with.
const MainContext = "."

// Step is one instruction. One of the pointers is set, or none: then only the configuration changes.
type Step struct {
	Line    int    `json:"line"` // the first of its lines in the file
	EndLine int    `json:"endLine"`
	Text    string `json:"text"` // the instruction for people, expanded as far as its words are
	OnBuild bool   `json:"onBuild,omitempty"`

	Run   *Run   `json:"run,omitempty"`
	Copy  *Copy  `json:"copy,omitempty"`
	Mkdir *Mkdir `json:"mkdir,omitempty"`
}

// Layered says that the step makes a layer.
func (s Step) Layered() bool { return s.Run != nil || s.Copy != nil || s.Mkdir != nil }

// Run is a command in the stage's files.
type Run struct {
	Args    []string `json:"args"`
	Env     []string `json:"env,omitempty"`   // ENV and ARG in scope
	Proxy   []string `json:"proxy,omitempty"` // predefined ones; the result is taken not to depend on them
	Workdir string   `json:"workdir"`
	User    string   `json:"user,omitempty"`
	Mounts  []Mount  `json:"mounts,omitempty"`
	Devices []Device `json:"devices,omitempty"`
	Network string   `json:"network,omitempty"` // "", "none" or "host"
	// Insecure asks for the security mode "insecure".
	Insecure bool `json:"insecure,omitempty"`
	// Script is a here-document that is itself the program, at ScriptDir.
	Script *File `json:"script,omitempty"`
}

// Device is one RUN --device.
type Device struct {
	// Name finds devices by name (CDI): VENDOR/CLASS=NAME, VENDOR/CLASS=*, VENDOR/CLASS, or a class of theirs.
	Name     string `json:"name"`
	Required bool   `json:"required,omitempty"`
}

// ScriptDir is where Run.Script is found in the container.
const ScriptDir = "/dev/pipes"

// MountType is the kind of a Mount.
type MountType string

const (
	MountBind   MountType = "bind"
	MountCache  MountType = "cache"
	MountTmpfs  MountType = "tmpfs"
	MountSecret MountType = "secret"
	MountSSH    MountType = "ssh"
)

// Mount is one RUN --mount.
type Mount struct {
	Type     MountType `json:"type"`
	From     *Source   `json:"from,omitempty"` // bind, and the first content of a cache
	Source   string    `json:"source,omitempty"`
	Target   string    `json:"target"` // absolute; empty with a secret that is only a variable
	ReadOnly bool      `json:"readOnly,omitempty"`
	ID       string    `json:"id,omitempty"`
	Sharing  string    `json:"sharing,omitempty"` // of a cache: "shared", "private" or "locked"
	Required bool      `json:"required,omitempty"`
	Env      string    `json:"env,omitempty"` // variable that holds the secret
	Size     int64     `json:"size,omitempty"`
	Mode     *uint64   `json:"mode,omitempty"`
	UID      *uint64   `json:"uid,omitempty"`
	GID      *uint64   `json:"gid,omitempty"`
}

// File is a file whose content is in the Dockerfile.
type File struct {
	Path string `json:"path"`
	Data string `json:"data"`
}

// Copy is COPY or ADD.
type Copy struct {
	Add   bool     `json:"add,omitempty"`
	From  Source   `json:"from"`
	Paths []string `json:"paths,omitempty"` // patterns in From
	URLs  []string `json:"urls,omitempty"`  // ADD of http, https and git addresses, in their own order
	Files []File   `json:"files,omitempty"`
	// Dest is absolute. A slash at its end says that it is a directory.
	Dest    string   `json:"dest"`
	Chown   string   `json:"chown,omitempty"`
	Chmod   string   `json:"chmod,omitempty"`
	Link    bool     `json:"link,omitempty"`
	Parents bool     `json:"parents,omitempty"`
	Exclude []string `json:"exclude,omitempty"`
	// Unpack says whether archives are unpacked; nil: local ones of ADD are, fetched ones are not.
	Unpack     *bool  `json:"unpack,omitempty"`
	Checksum   string `json:"checksum,omitempty"`
	KeepGitDir bool   `json:"keepGitDir,omitempty"`
}

// Mkdir is WORKDIR: a directory with its missing parents, owned by the stage's user.
type Mkdir struct {
	Path string `json:"path"`
	User string `json:"user,omitempty"`
}

// HistoryComment is what the entries of a history that a build adds carry, as BuildKit's carry its own.
const HistoryComment = "pod.dockerfile.v0"
