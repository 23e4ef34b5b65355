package frontend

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
)

func (r *reader) expose(s *stage, c command, i *instructions.ExposeCommand) error {
	config := &s.out.Config.Config
	if config.ExposedPorts == nil {
		config.ExposedPorts = map[string]struct{}{}
	}
	var ports []string
	for _, word := range i.Ports {
		expanded, err := r.expand(r.lex, word, s.env)
		if err != nil {
			return err
		}
		// One variable may hold several ports, so words are split after they are expanded.
		for _, port := range expanded.Words {
			list, err := r.ports(c, port)
			if err != nil {
				return fmt.Errorf("EXPOSE %s: %w", port, err)
			}
			if r.portsNoted += len(list); r.portsNoted > maxPorts {
				return fmt.Errorf("EXPOSE %s: the file exposes more than %d ports", port, maxPorts)
			}
			ports = append(ports, list...)
		}
	}
	for _, port := range ports {
		config.ExposedPorts[port] = struct{}{}
	}
	s.note(c, fmt.Sprintf("EXPOSE %v", ports))
	return nil
}

// ports reads "[[IP:]HOSTPORT:]PORT[-LAST][/PROTOCOL]"; what is before the last colon means nothing in an image.
func (r *reader) ports(c command, text string) ([]string, error) {
	spec := text
	if i := strings.LastIndexByte(spec, ':'); i >= 0 {
		r.lint.Run(&linter.RuleExposeInvalidFormat, c.Location(), linter.RuleExposeInvalidFormat.Format(text))
		spec = spec[i+1:]
	}
	spec, protocol, _ := strings.Cut(spec, "/")
	if protocol != strings.ToLower(protocol) {
		r.lint.Run(&linter.RuleExposeProtoCasing, c.Location(), linter.RuleExposeProtoCasing.Format(text))
	}
	switch protocol = strings.ToLower(protocol); protocol {
	case "":
		protocol = "tcp"
	case "tcp", "udp", "sctp":
	default:
		return nil, fmt.Errorf("the protocol %q is not tcp, udp or sctp", protocol)
	}
	first, last, isRange := strings.Cut(spec, "-")
	if !isRange {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("%q is not a port", first)
	}
	to, err := strconv.ParseUint(last, 10, 16)
	if err != nil || to < from {
		return nil, fmt.Errorf("%q is not a range of ports", spec)
	}
	var out []string
	for port := from; port <= to; port++ {
		out = append(out, fmt.Sprintf("%d/%s", port, protocol))
	}
	return out, nil
}
