package frontend

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/pod-engine/pod/pkg/build/plan"
)

// copyRequest is COPY and ADD in one: the plan's form, and what it still has to be made of.
type copyRequest struct {
	plan.Copy
	words      []string
	contents   []instructions.SourceContent
	dest       string
	keepGitDir *bool
}

func copyOf(i *instructions.CopyCommand) copyRequest {
	return copyRequest{
		Copy:  plan.Copy{Chown: i.Chown, Chmod: i.Chmod, Link: i.Link, Parents: i.Parents, Exclude: i.ExcludePatterns},
		words: i.SourcePaths, contents: i.SourceContents, dest: i.DestPath,
	}
}

func addOf(i *instructions.AddCommand) copyRequest {
	return copyRequest{
		Copy: plan.Copy{
			Add: true, From: plan.Source{Context: plan.MainContext}, Chown: i.Chown, Chmod: i.Chmod, Link: i.Link,
			Exclude: i.ExcludePatterns, Unpack: i.Unpack, Checksum: i.Checksum,
		},
		words: i.SourcePaths, contents: i.SourceContents, dest: i.DestPath, keepGitDir: i.KeepGitDir,
	}
}

func (r *reader) copy(s *stage, c command, req copyRequest) error {
	if len(c.sources) > 0 {
		req.From = c.sources[0]
	}
	verb := req.verb()
	for _, word := range req.words {
		switch {
		case plan.IsAddress(word) && !req.Add:
			return fmt.Errorf("COPY %s: an address cannot be copied from; ADD fetches it", word)
		case plan.IsAddress(word):
			req.URLs = append(req.URLs, word)
		default:
			if req.From.Context != "" {
				r.lintIgnored(verb, word, c)
			}
			req.Paths = append(req.Paths, word)
		}
	}
	for _, content := range req.contents {
		req.Files = append(req.Files, plan.File{Path: content.Path, Data: content.Data})
	}
	if err := req.check(); err != nil {
		return fmt.Errorf("%s: %w", verb, err)
	}
	// As BuildKit has it: the directories that a linked layer needs on the way would take the mode too, and lie over those of the image.
	req.Link = req.Link && req.Chmod == ""
	req.Dest = s.destination(req.dest)
	step := s.step(c)
	step.Text = shown(step.Text)
	step.Copy = &req.Copy
	s.add(step, req.history())
	return nil
}

func (req *copyRequest) verb() string {
	if req.Add {
		return "ADD"
	}
	return "COPY"
}

// history is the instruction as BuildKit writes it into the image.
func (req *copyRequest) history() string {
	text := req.verb()
	if req.Parents {
		text += " --parents"
	}
	if req.Chown != "" {
		text += " --chown=" + req.Chown
	}
	if req.Chmod != "" {
		text += " --chmod=" + req.Chmod
	}
	for _, word := range req.words {
		text += " " + shown(word)
	}
	for _, content := range req.contents {
		text += " <<" + content.Path
	}
	return text + " " + req.dest
}

// destination is absolute; a slash or a dot at the end says that it is a directory.
func (s *stage) destination(dest string) string {
	abs := s.absolute(dest)
	if abs != "/" && (dest == "" || strings.HasSuffix(dest, "/") || path.Base(dest) == ".") {
		abs += "/"
	}
	return abs
}

func (req *copyRequest) check() error {
	if err := checkMode(req.Chmod); err != nil {
		return err
	}
	if req.Link && namesUser(req.Chown) {
		return fmt.Errorf("--chown=%s: with --link an owner is a number, since there is no /etc/passwd to look it up in", req.Chown)
	}
	if req.Checksum != "" && (len(req.URLs) != 1 || len(req.Paths)+len(req.Files) > 0) {
		return errors.New("--checksum is for one address alone")
	}
	if req.keepGitDir != nil {
		req.KeepGitDir = *req.keepGitDir
	}
	return nil
}

// namesUser reports whether a user or group is given by name.
func namesUser(chown string) bool {
	for _, part := range strings.SplitN(chown, ":", 2) {
		if _, err := strconv.ParseUint(part, 10, 32); part != "" && err != nil {
			return true
		}
	}
	return false
}

// shown is text for people: without the passwords of addresses (CVE-2023-26054).
func shown(text string) string {
	return regexp.MustCompile(`(://[^\s/@:]*):[^\s/@]*@`).ReplaceAllString(text, "$1:xxxxx@")
}

// checkMode accepts an octal number to 07777, or words as of chmod(1).
func checkMode(mode string) error {
	if mode == "" {
		return nil
	}
	if n, err := strconv.ParseUint(mode, 8, 32); err == nil {
		if n > 0o7777 {
			return fmt.Errorf("--chmod=%s: it is an octal number up to 7777", mode)
		}
		return nil
	}
	if strings.Trim(mode, "0123456789") == "" {
		return fmt.Errorf("--chmod=%s: it is an octal number up to 7777", mode)
	}
	_, err := plan.ParseMode(mode)
	return err
}
