package container

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// MaxUserFile bounds what LookupUser reads of an image's passwd and group files. Callers read no more than one byte above.
const MaxUserFile = 4 << 20

// KeepGroups as the only entry of Process.Groups leaves the caller's own supplementary groups in place.
const KeepGroups = "keep-groups"

// User is who the first process of a container is.
type User struct {
	UID, GID uint32
	// Groups are the supplementary groups, the primary one among them, sorted (CVE-2022-2989).
	Groups []uint32
	Home   string // absolute; "/" when the image has none for the user
	Name   string // empty when the image has none for the id
}

// CheckUser tells whether s is USER[:GROUP], each a name or a number up to 2147483647. As with docker, either may be left out beside the colon.
func CheckUser(s string) error {
	if s == "" {
		return nil
	}
	user, group, _ := strings.Cut(s, ":")
	if user == "" && group == "" {
		return invalid("%q names no user; give USER:GROUP, such as 0:0", s)
	}
	if user != "" {
		if err := checkPrincipal("user", user); err != nil {
			return err
		}
	}
	if group == "" {
		return nil
	}
	return checkPrincipal("group", group)
}

func checkPrincipal(kind, s string) error {
	if s == "" || len(s) > maxName || hasControl(s) || strings.ContainsAny(s, ":,/ ") {
		return invalid("%s %q cannot be; give a name or a number", kind, clip(s))
	}
	if isDigits(s) {
		if _, err := parseID(s); err != nil {
			return invalid("%s %s is above %d; give a smaller number", kind, clip(s), math.MaxInt32)
		}
		return nil
	}
	// Anything that some parser takes for a number must not be looked up as a name: a runtime or an image could
	// disagree with us on who that is.
	if _, err := strconv.ParseFloat(s, 64); err == nil && !isWord(s) {
		return invalid("%s %q is not a plain number; give digits only, or a name", kind, clip(s))
	}
	if _, err := strconv.ParseInt(s, 0, 64); err == nil || strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") || strings.HasPrefix(strings.ToLower(s), "0x") {
		return invalid("%s %q is not a plain number; give digits only, or a name", kind, clip(s))
	}
	return nil
}

// isWord excepts names such as "inf" and "nan", which ParseFloat reads.
func isWord(s string) bool { return !strings.ContainsAny(s, "0123456789") }

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// parseID reads a user or group id. Ids above the signed range have become 0 in other engines (CVE-2024-40635).
func parseID(s string) (uint32, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	return uint32(n), err
}

// LookupUser resolves spec, USER[:GROUP], against the text of an image's passwd and group files. A number needs no entry:
// its group is then 0 and its home "/". Digits are always an id, never a name. Groups that list the user are
// supplementary unless a group was named. A name without an entry is an error.
func LookupUser(spec string, passwd, group []byte) (User, error) {
	if err := CheckUser(spec); err != nil {
		return User{}, err
	}
	if err := checkUserFiles(passwd, group); err != nil {
		return User{}, err
	}
	name, groupName, _ := strings.Cut(spec, ":")
	if name == "" {
		name = "0"
	}
	u, err := findUser(name, string(passwd))
	if err != nil {
		return User{}, err
	}
	if groupName != "" {
		if u.GID, err = findGroup(groupName, string(group)); err != nil {
			return User{}, err
		}
	} else if u.Name != "" {
		u.Groups = groupsOf(u.Name, string(group))
	}
	u.Groups = sortedGroups(append(u.Groups, u.GID))
	return u, nil
}

// LookupGroups resolves the names and numbers of --group-add against the text of an image's group file. KeepGroups
// gives nothing.
func LookupGroups(names []string, group []byte) ([]uint32, error) {
	if err := checkUserFiles(nil, group); err != nil {
		return nil, err
	}
	var gids []uint32
	for _, name := range names {
		if name == KeepGroups {
			continue
		}
		if err := checkPrincipal("group", name); err != nil {
			return nil, err
		}
		gid, err := findGroup(name, string(group))
		if err != nil {
			return nil, err
		}
		gids = append(gids, gid)
	}
	return sortedGroups(gids), nil
}

func sortedGroups(gids []uint32) []uint32 {
	slices.Sort(gids)
	return slices.Compact(gids)
}

func checkUserFiles(passwd, group []byte) error {
	if len(passwd) > MaxUserFile || len(group) > MaxUserFile {
		return invalid("the image's /etc/passwd or /etc/group is larger than %d bytes; use an image with smaller ones", MaxUserFile)
	}
	return nil
}

// findUser gives the first entry of passwd for a name or number.
func findUser(name, passwd string) (User, error) {
	numeric := isDigits(name)
	u := User{Home: "/"}
	if numeric {
		u.UID, _ = parseID(name) // CheckUser has read it
	}
	for line := range strings.SplitSeq(passwd, "\n") {
		f := strings.SplitN(line, ":", 8)
		if len(f) < 4 || f[0] == "" || !numeric && f[0] != name {
			continue
		}
		uid, err1 := parseID(f[2])
		gid, err2 := parseID(f[3])
		if numeric && (err1 != nil || err2 != nil || uid != u.UID) {
			continue
		}
		if err1 != nil || err2 != nil {
			return User{}, invalid("user %q has no usable ids in the image's /etc/passwd; give numbers with --user", clip(name))
		}
		u = User{UID: uid, GID: gid, Home: "/", Name: f[0]}
		if len(f) > 5 && strings.HasPrefix(f[5], "/") && !hasControl(f[5]) && len(f[5]) < 4096 {
			u.Home = f[5]
		}
		return u, nil
	}
	if !numeric {
		return User{}, invalid("user %q is not in the image's /etc/passwd; give a number, or a name that is there", clip(name))
	}
	return u, nil
}

func findGroup(name, group string) (uint32, error) {
	if isDigits(name) {
		return parseID(name)
	}
	for line := range strings.SplitSeq(group, "\n") {
		f := strings.SplitN(line, ":", 4)
		if len(f) < 3 || f[0] != name {
			continue
		}
		gid, err := parseID(f[2])
		if err != nil {
			return 0, invalid("group %q has no usable id in the image's /etc/group; give a number", clip(name))
		}
		return gid, nil
	}
	return 0, invalid("group %q is not in the image's /etc/group; give a number, or a name that is there", clip(name))
}

// groupsOf lists the groups whose member list has the user; at most as many as the kernel takes.
func groupsOf(user, group string) []uint32 {
	const groupsMax = 65536 - 1
	var gids []uint32
	for line := range strings.SplitSeq(group, "\n") {
		f := strings.SplitN(line, ":", 4)
		if len(f) < 4 || len(gids) == groupsMax {
			continue
		}
		gid, err := parseID(f[2])
		if err != nil {
			continue
		}
		for member := range strings.SplitSeq(f[3], ",") {
			if member == user {
				gids = append(gids, gid)
				break
			}
		}
	}
	return gids
}
