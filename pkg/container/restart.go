package container

import (
	"strconv"
	"strings"
)

// ParseRestart reads a restart policy: no, always, unless-stopped, or on-failure[:MAX].
func ParseRestart(s string) (Restart, error) {
	policy, limit, hasLimit := strings.Cut(s, ":")
	r := Restart{Policy: RestartPolicy(policy)}
	if hasLimit {
		n, err := strconv.ParseUint(limit, 10, 31)
		if err != nil {
			return Restart{}, invalid("%q is not a number of tries; give for example on-failure:5", clip(limit))
		}
		r.Max = uint(n)
		if r.Policy != RestartOnFailure {
			return Restart{}, invalid("only on-failure takes a number of tries; give %q, or on-failure:%d", policy, n)
		}
	}
	return r, checkRestart(r)
}

func checkRestart(r Restart) error {
	switch r.Policy {
	case RestartNo, RestartAlways, RestartUnlessStopped:
		if r.Max != 0 {
			return invalid("only on-failure takes a number of tries; leave it out for %q", string(r.Policy))
		}
	case RestartOnFailure:
	default:
		return invalid("restart policy %q is not known; give %s", clip(string(r.Policy)), quoteList("no", "on-failure", "always", "unless-stopped"))
	}
	return nil
}
