package frontend

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/pod-engine/pod/pkg/build/plan"
)

func (r *reader) run(s *stage, c command, i *instructions.RunCommand) error {
	run := &plan.Run{
		Env: s.env.entries(), Proxy: proxyArgs(r.req.Args), Workdir: s.absolute("."), User: s.out.Config.Config.User,
	}
	for _, entry := range run.Env {
		r.envNoted += len(entry)
	}
	if r.envNoted > maxEnv {
		return fmt.Errorf("all RUN together are given more than %d bytes of variables", maxEnv)
	}
	line := i.CmdLine
	if i.PrependShell && len(line) == 0 {
		line = []string{""} // the shell is given no command, which is none to fail
	}
	if len(i.Files) > 0 {
		var err error
		if line, run.Script, err = heredocs(i); err != nil {
			return err
		}
	}
	run.Args = line
	shown := line
	if i.PrependShell {
		shown = append(s.shell(), line...)
	}
	if run.Script == nil { // a script needs no shell, which BuildKit runs it through
		run.Args = shown
	}
	if err := s.surround(run, c, i); err != nil {
		return err
	}
	step := s.step(c)
	step.Run = run
	s.add(step, "RUN "+s.runHistory(shown))
	return nil
}

// surround reads the flags of a RUN: what is around its command.
func (s *stage) surround(run *plan.Run, c command, i *instructions.RunCommand) error {
	switch network := instructions.GetNetwork(i); network {
	case instructions.NetworkDefault, "":
	default:
		run.Network = string(network)
	}
	run.Insecure = instructions.GetSecurity(i) == instructions.SecurityInsecure
	for _, d := range instructions.GetDevices(i) {
		if d.Name == "" {
			return errors.New("RUN --device: it needs the name of a device, such as vendor.com/class=name")
		}
		run.Devices = append(run.Devices, plan.Device{Name: d.Name, Required: d.Required})
	}
	for n, m := range instructions.GetMounts(i) {
		mount, err := s.mount(m, c.sources[n])
		if err != nil {
			return err
		}
		run.Mounts = append(run.Mounts, mount)
	}
	return nil
}

// heredocs gives the command line of a RUN with here-documents: one alone is the script itself; with others, or with more
// words, the shell is given all as it was written.
func heredocs(i *instructions.RunCommand) ([]string, *plan.File, error) {
	if len(i.CmdLine) != 1 || !i.PrependShell {
		return nil, nil, fmt.Errorf("RUN with a here-document has the form RUN <<EOF, not a JSON list")
	}
	alone, err := parser.ParseHeredoc(i.CmdLine[0])
	if err != nil {
		return nil, nil, err
	}
	if alone == nil {
		var b strings.Builder
		b.WriteString(i.CmdLine[0])
		for _, file := range i.Files {
			b.WriteString("\n" + file.Data + file.Name)
		}
		return []string{b.String()}, nil, nil
	}
	data := i.Files[0].Data
	if i.Files[0].Chomp {
		data = parser.ChompHeredocContent(data)
	}
	if strings.HasPrefix(data, "#!") {
		name := i.Files[0].Name
		return []string{path.Join(plan.ScriptDir, name)}, &plan.File{Path: name, Data: data}, nil
	}
	return []string{data}, nil, nil
}

// runHistory is the command line with the arguments in scope before it, "|2 A=1 B=2 /bin/sh -c make".
func (s *stage) runHistory(args []string) string {
	var words []string
	for _, name := range s.args {
		value, _ := s.env.Get(name)
		words = append(words, name+"="+value)
	}
	if len(words) > 0 {
		words = append([]string{fmt.Sprintf("|%d", len(words))}, words...)
	}
	return strings.Join(append(words, args...), " ")
}

func (s *stage) mount(m *instructions.Mount, source plan.Source) (plan.Mount, error) {
	out := plan.Mount{
		Type: plan.MountType(m.Type), Source: m.Source, ReadOnly: m.ReadOnly, ID: m.CacheID, Sharing: string(m.CacheSharing),
		Required: m.Required, Size: m.SizeLimit, Mode: m.Mode, UID: m.UID, GID: m.GID,
	}
	if m.Env != nil {
		out.Env = *m.Env
	}
	named := m.Type == instructions.MountTypeSecret || m.Type == instructions.MountTypeSSH // without a target they have one of their own
	if m.Target != "" || !named {
		out.Target = s.absolute(m.Target) // none is the working directory
	}
	switch m.Type {
	case instructions.MountTypeBind:
		out.From = &source
	case instructions.MountTypeCache:
		if m.From != "" {
			out.From = &source
		}
		out.ID = cacheID(m)
		if space := s.cacheSpace; space != "" {
			out.ID = path.Join(space, out.ID)
		}
	case instructions.MountTypeSecret:
		return out, secretMount(&out, m)
	case instructions.MountTypeSSH:
		if out.ID == "" {
			out.ID = "default"
		}
		return out, nil
	}
	if out.Target == "/" {
		return out, fmt.Errorf("RUN --mount=type=%s: the target %q cannot be mounted on", m.Type, out.Target)
	}
	return out, nil
}

// cacheID says which cache a mount is: one with another owner, other permissions or another first content is another, whatever its id.
func cacheID(m *instructions.Mount) string {
	id := m.CacheID
	if id == "" {
		id = path.Clean(m.Target)
	}
	if m.UID != nil && *m.UID != 0 {
		id += fmt.Sprintf(" uid=%d", *m.UID)
	}
	if m.GID != nil && *m.GID != 0 {
		id += fmt.Sprintf(" gid=%d", *m.GID)
	}
	if m.Mode != nil && *m.Mode != 0o755 {
		id += fmt.Sprintf(" mode=%04o", *m.Mode)
	}
	if m.From != "" {
		id += " from=" + m.From
	}
	return id
}

// secretMount completes a secret: its id is that of its target, or the other way round.
func secretMount(out *plan.Mount, m *instructions.Mount) error {
	if out.ID == "" {
		out.ID = m.Source
	}
	if out.ID == "" && m.Target != "" {
		out.ID = path.Base(m.Target)
	}
	if out.ID == "" {
		return fmt.Errorf("RUN --mount=type=secret: it needs id= or target=")
	}
	if out.Target == "" && m.Env == nil {
		out.Target = "/run/secrets/" + path.Base(out.ID)
	}
	return nil
}
