package main

import (
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pod-engine/pod/internal/report"
	"github.com/spf13/cobra"
)

// These are set by the linker, -X main.version=1.2.3; nothing else writes to them. Without, the commit and its time come
// from what the Go toolchain recorded.
var (
	version = "0.1.0"
	commit  string
	built   string // RFC 3339
)

// versionInfo is one part of version's answer, with podman's field names.
type versionInfo struct {
	APIVersion string
	Version    string
	GoVersion  string
	GitCommit  string
	BuiltTime  string
	Built      int64 // seconds since 1970
	OsArch     string
	Os         string
}

// Arch is docker's field.
func (v versionInfo) Arch() string { return runtime.GOARCH }

// BuildTime is docker's name of BuiltTime.
func (v versionInfo) BuildTime() string { return v.BuiltTime }

// versionAnswer is what templates and JSON see. Server is there for scripts written for docker; since there is no
// daemon it is this program too. Podman prints none.
type versionAnswer struct {
	Client versionInfo
	Server *versionInfo `json:",omitempty"`
}

func thisVersion() versionInfo {
	v := versionInfo{
		APIVersion: version,
		Version:    version,
		GoVersion:  runtime.Version(),
		GitCommit:  commit,
		OsArch:     runtime.GOOS + "/" + runtime.GOARCH,
		Os:         runtime.GOOS,
	}
	at := built
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && v.GitCommit == "":
				v.GitCommit = s.Value
			case s.Key == "vcs.time" && at == "":
				at = s.Value
			}
		}
	}
	// A build that records no time is shown as of 1970, as podman does.
	t, err := time.Parse(time.RFC3339, at)
	if err != nil {
		t = time.Unix(0, 0)
	}
	v.Built, v.BuiltTime = t.Unix(), t.UTC().Format(time.ANSIC)
	return v
}

// versionLine is the answer to --version.
func versionLine(name string) string {
	if name == "docker" {
		v := thisVersion()
		return fmt.Sprintf("Docker version %s, build %.7s", v.Version, v.GitCommit)
	}
	return name + " version " + version
}

func newVersionCommand(a *app) *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:     "version [flags]",
		Short:   "Show the version",
		Example: a.example(`version --format "{{.Client.Version}}"`),
		Args:    takesNone,
		RunE: func(*cobra.Command, []string) error {
			return runVersion(a, format)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "f", "", "print as \"json\", or with a Go template")
	return cmd
}

func runVersion(a *app, format string) error {
	v := versionAnswer{Client: thisVersion()}
	docker := a.style() == report.Docker
	if docker {
		v.Server = &v.Client
	}
	if format != "" {
		return report.Record(a.Out, v, format, a.style())
	}
	if docker {
		return printDockerVersion(a.Out, v)
	}
	rows := [][]string{
		{"Client:", "Pod Engine"},
		{"Version:", v.Client.Version},
		{"API Version:", v.Client.APIVersion},
		{"Go Version:", v.Client.GoVersion},
	}
	if v.Client.GitCommit != "" {
		rows = append(rows, []string{"Git Commit:", v.Client.GitCommit})
	}
	rows = append(rows, []string{"Built:", v.Client.BuiltTime}, []string{"OS/Arch:", v.Client.OsArch})
	return report.Table(a.Out, rows, report.Podman)
}

func printDockerVersion(w io.Writer, v versionAnswer) error {
	var b strings.Builder
	line := func(indent, name, value string) { fmt.Fprintf(&b, "%s%-18s %s\n", indent, name, value) }
	part := func(indent string, v versionInfo) {
		line(indent, "Version:", v.Version)
		line(indent, "Go version:", v.GoVersion)
		line(indent, "Git commit:", fmt.Sprintf("%.7s", v.GitCommit))
		line(indent, "Built:", v.BuiltTime)
		line(indent, "OS/Arch:", v.OsArch)
	}
	b.WriteString("Client: Pod Engine\n")
	part(" ", v.Client)
	b.WriteString("\nServer: Pod Engine\n Engine:\n")
	part("  ", *v.Server)
	_, err := io.WriteString(w, b.String())
	return err
}
