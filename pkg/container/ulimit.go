package container

import (
	"slices"
	"strconv"
	"strings"
)

func ulimitNames() []string {
	return []string{
		"as", "core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile", "nproc", "rss",
		"rtprio", "rttime", "sigpending", "stack",
	}
}

// ParseUlimit reads NAME=SOFT[:HARD]; the hard limit is the soft one when left out, and -1 or unlimited is no limit.
// What the host allows is not looked at here.
func ParseUlimit(s string) (Ulimit, error) {
	name, values, ok := strings.Cut(s, "=")
	if !ok {
		return Ulimit{}, invalid("%q has no value; give NAME=SOFT[:HARD], such as nofile=1024:2048", clip(s))
	}
	soft, hard, hasHard := strings.Cut(values, ":")
	if !hasHard {
		hard = soft
	}
	u := Ulimit{Name: strings.TrimPrefix(strings.ToLower(name), "rlimit_")}
	var err error
	if u.Soft, err = parseLimit(soft); err != nil {
		return Ulimit{}, err
	}
	if u.Hard, err = parseLimit(hard); err != nil {
		return Ulimit{}, err
	}
	return u, checkUlimit(u)
}

func parseLimit(s string) (int64, error) {
	if s == "unlimited" {
		return -1, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < -1 {
		return 0, invalid("%q is not a limit; give a number, or -1 for none", clip(s))
	}
	return n, nil
}

func checkUlimit(u Ulimit) error {
	if !slices.Contains(ulimitNames(), u.Name) {
		return invalid("%q is not a resource limit; give one of %s", clip(u.Name), strings.Join(ulimitNames(), ", "))
	}
	if u.Hard != -1 && (u.Soft == -1 || u.Soft > u.Hard) {
		return invalid("the soft limit of %s is above its hard limit; give %s=SOFT:HARD with SOFT not above HARD", u.Name, u.Name)
	}
	return nil
}
