package plan

import "strings"

// IsAddress reports whether a word is an address of HTTP or git rather than a path.
func IsAddress(word string) bool {
	for _, scheme := range []string{"http://", "https://", "git://", "ssh://"} {
		if strings.HasPrefix(word, scheme) {
			return true
		}
	}
	// USER@HOST:PATH, as scp(1) has it.
	user, rest, _ := strings.Cut(word, "@")
	host, _, ok := strings.Cut(rest, ":")
	return ok && isName(user) && isName(host)
}

// isName reports whether a word can be that of a user or a host.
func isName(word string) bool {
	return word != "" && strings.IndexFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-_", r)
	}) < 0 && word[0] != '-'
}
