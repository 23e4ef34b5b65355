package rootless

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// account is one entry of passwd(5), as far as it matters here. The zero value is an id without an entry.
type account struct {
	Name, Home string
}

// lookupAccount finds the entry of uid in a passwd file. No entry, and no file, is no error: containers and machines with a
// user directory elsewhere have none.
func lookupAccount(path string, uid uint32) (account, error) {
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return account{}, fmt.Errorf("look up user %d: %w", uid, err)
	}
	want := strconv.FormatUint(uint64(uid), 10)
	for line := range strings.Lines(string(b)) {
		f := strings.Split(strings.TrimRight(line, "\n"), ":")
		if len(f) >= 6 && f[2] == want {
			return account{Name: f[0], Home: f[5]}, nil
		}
	}
	return account{}, nil
}

// homeOf is $HOME, else the account's home directory, else "".
func homeOf(a account) string {
	if home := os.Getenv("HOME"); filepath.IsAbs(home) {
		return home
	}
	return a.Home
}

// subordinateNames are the names by which uid may own ranges in subuid(5). A user from a directory service is not in passwd;
// $USER stands in, which gives nothing away: newuidmap(1) checks the ranges again.
func subordinateNames(a account, uid uint32) []string {
	names := []string{strconv.FormatUint(uint64(uid), 10)}
	if a.Name == "" {
		a.Name = os.Getenv("USER")
	}
	if a.Name != "" {
		names = append(names, a.Name)
	}
	return names
}
