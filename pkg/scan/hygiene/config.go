package hygiene

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/pod-engine/pod/pkg/scan"
	"github.com/pod-engine/pod/pkg/scan/layerfs"
)

// user judges the USER of the image.
func (f *findings) user(s Subject) {
	user, _, _ := strings.Cut(s.Config.User, ":")
	switch user {
	case "", "0", "root":
		f.add(scan.Finding{Rule: scan.RuleRoot, Message: "the image says no user, so its process is root"})
		return
	}
	known, isNumber := false, false
	if _, err := strconv.ParseUint(user, 10, 32); err == nil {
		isNumber = true
	}
	for _, a := range accounts(s.Files, "etc/passwd", 7) {
		if a[0] == user || isNumber && a[2] == user {
			known = true
			if a[2] == "0" {
				f.add(scan.Finding{Rule: scan.RuleRoot, Message: fmt.Sprintf("the user %q of the image has the number 0", user)})
			}
			break
		}
	}
	switch {
	case known:
	case isNumber:
		f.add(scan.Finding{
			Rule: scan.RuleUserMissing, Severity: scan.Low,
			Message: fmt.Sprintf("the user %s has no line in /etc/passwd: programs that ask for its name or home fail", user),
		})
	default:
		f.add(scan.Finding{Rule: scan.RuleUserMissing, Message: fmt.Sprintf("the user %q has no line in /etc/passwd: no container will start", user)})
	}
}

// accounts reads passwd(5) or shadow(5): lines with at least this number of fields.
func accounts(img *layerfs.Image, name string, fields int) (lines [][]string) {
	n := img.Lookup(name)
	if n == nil {
		return nil
	}
	text, err := n.Read(1 << 20)
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		if parts := strings.Split(strings.TrimRight(line, "\n"), ":"); len(parts) >= fields {
			lines = append(lines, parts)
		}
	}
	return lines
}

// accounts looks for those that need no password (as CVE-2019-5021).
func (f *findings) accounts(img *layerfs.Image) {
	for _, name := range []string{"etc/shadow", "etc/passwd"} {
		for _, a := range accounts(img, name, 7) {
			if a[1] == "" {
				f.add(at(scan.RuleNoPassword, img.Lookup(name), fmt.Sprintf("the account %q needs no password", a[0])))
			}
		}
	}
}

// config judges what the configuration and the history say.
func (f *findings) config(s Subject) {
	if !s.Config.Healthcheck {
		f.add(scan.Finding{Rule: scan.RuleNoHealthcheck, Message: "nothing says whether a container of this image works"})
	}
	if base := s.base(); base != "" && floating(base) {
		f.add(scan.Finding{Rule: scan.RuleLatestBase, Message: fmt.Sprintf("it is built on %q, which is another image at another time", base)})
	}
	f.environment(s.Config.Env)
	layer := 0
	for _, step := range s.Config.History {
		in := 0
		if !step.Empty {
			layer++
			in = layer
		}
		f.step(step, in)
	}
}

// base is the image it was built on, as far as builders write that down.
func (s Subject) base() string {
	if name := s.Config.Labels["org.opencontainers.image.base.name"]; name != "" {
		return name
	}
	for _, step := range s.Config.History {
		if name, ok := strings.CutPrefix(step.Comment, "FROM "); ok { // buildah
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// floating reports whether a name means the newest image.
func floating(name string) bool {
	if name == "scratch" || strings.Contains(name, "@") {
		return false
	}
	last := name[strings.LastIndexByte(name, '/')+1:]
	_, tag, tagged := strings.Cut(last, ":")
	return !tagged || tag == "latest"
}

// step judges one entry of the history.
func (f *findings) step(step scan.Step, layer int) {
	line := step.CreatedBy
	if remote := regexp.MustCompile(`\bADD (?:--\S+ )*((?:https?|git|ssh)://\S+|git@\S+)`).FindStringSubmatch(line); remote != nil && !strings.Contains(line, "--checksum=") {
		f.add(scan.Finding{Rule: scan.RuleRemoteAdd, Layer: layer, Message: fmt.Sprintf("%s is added without a checksum", withoutPassword(remote[1]))})
	}
	for _, kind := range f.kinds {
		if kind.in([]byte(line)) >= 0 {
			f.add(scan.Finding{Rule: scan.RuleSecretHistory, Layer: layer, Message: "an instruction holds " + kind.name})
		}
	}
	// BuildKit writes the values of build arguments: "RUN |1 TOKEN=value /bin/sh -c ...".
	if args, ok := strings.CutPrefix(strings.TrimPrefix(line, "RUN "), "|"); ok {
		count, rest, _ := strings.Cut(args, " ")
		n, _ := strconv.Atoi(count) // what is no number is no list
		for range min(n, 100) {
			var arg string
			arg, rest, _ = strings.Cut(rest, " ")
			if name, value, ok := strings.Cut(arg, "="); ok && secretName(name) && secretValue(value) {
				f.add(scan.Finding{Rule: scan.RuleSecretHistory, Layer: layer, Message: fmt.Sprintf("the value of the build argument %q is in the history", name)})
			}
		}
	}
}

// environment judges variables by their names and values. The value is never shown.
func (f *findings) environment(env []string) {
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		what := ""
		for _, kind := range f.kinds {
			if kind.in([]byte(value)) >= 0 {
				what = kind.name
				break
			}
		}
		switch {
		case what != "":
			f.add(scan.Finding{Rule: scan.RuleSecretEnv, Severity: scan.Critical, Message: fmt.Sprintf("the variable %q holds %s", name, what)})
		case secretName(name) && secretValue(value):
			f.add(scan.Finding{Rule: scan.RuleSecretEnv, Message: fmt.Sprintf("the variable %q has a value in the image", name)})
		}
	}
}

// secretName reports whether a variable of this name usually holds a secret.
func secretName(name string) bool {
	name = strings.ToUpper(name)
	for _, end := range []string{"_FILE", "_PATH", "_DIR", "_URL", "_URI", "_LENGTH", "_TTL", "_EXPIRY", "_NAME", "_ID", "_TYPE"} {
		if strings.HasSuffix(name, end) {
			return false
		}
	}
	for _, word := range []string{
		"PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY", "APIKEY", "ACCESS_KEY", "PRIVATE_KEY", "CREDENTIALS", "AUTH_KEY",
	} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}

// secretValue reports whether a value can be a secret: it is not a switch, a path, or the name of another variable.
func secretValue(value string) bool {
	switch strings.ToLower(value) {
	case "", "true", "false", "yes", "no", "0", "1", "none", "null":
		return false
	}
	return !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "$") && !strings.HasPrefix(value, "<")
}

// withoutPassword takes user and password out of an address.
func withoutPassword(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	host, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); ok && i >= 0 {
		return scheme + "://" + host[i+1:] + "/" + path
	}
	return address
}
