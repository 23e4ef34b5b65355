// Package spelling finds the word that somebody meant.
package spelling

import "strings"

// longest is how many bytes a word may have to be looked at: the length of a file's name.
const longest = 255

// Nearest gives the word among those known that differs least from word, whose case does not count; empty when none is near: a third of
// its letters may be wrong. Two letters that changed places are one mistake.
func Nearest(word string, known []string) string {
	best, least := "", len(word)/3+1
	for _, other := range known {
		if d := distance(strings.ToLower(word), strings.ToLower(other)); d <= least {
			best, least = other, d-1
		}
	}
	return best
}

// distance is how many letters must be put in, taken out, changed or exchanged with the next to make b of a.
func distance(a, b string) int {
	if len(a) > longest || len(b) > longest {
		return longest
	}
	var last, row, next [longest + 1]int // of a without its last two letters, without its last, and of the whole
	for j := range len(b) + 1 {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			changed := row[j-1]
			if a[i-1] != b[j-1] {
				changed++
			}
			next[j] = min(changed, row[j]+1, next[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], last[j-2]+1)
			}
		}
		last, row = row, next
	}
	return row[len(b)]
}
