package build

import (
	"path"
	"strings"

	"github.com/pod-engine/pod/internal/hint"
	"golang.org/x/sys/unix"
)

// nearMatch puts beside err what else in the directory of name has nearly its name.
func (t *Tree) nearMatch(name string, err error) error {
	dir, base := path.Split(name)
	f, openErr := inRoot(t.Root, dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK)
	if openErr != nil {
		return err
	}
	defer f.Close()
	names, _ := f.Readdirnames(1000)
	best, least := "", len(base)/3+1
	for _, other := range names {
		if d := distance(strings.ToLower(base), strings.ToLower(other), least); d <= least && !t.hides(path.Join(dir, other)) {
			best, least = other, d-1
		}
	}
	if best == "" {
		return err
	}
	return hint.Wrap(err, "did you mean "+path.Join(dir, best)+"?")
}

// distance is how many letters must be put in, taken out or changed to make b of a; more than most is as good as infinite.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most || len(a) > 255 || len(b) > 255 {
		return most + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := before
			if a[i] != b[j] {
				change++
			}
			before = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
