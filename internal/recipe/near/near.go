// Package near finds the name that somebody meant who wrote another one.
package near

import "strings"

// maxNear is the longest name, in bytes, for which a near one is looked for.
const maxNear = 64

// Name returns the name of known that s is most likely a slip of, or "".
// Of names that are equally near, the first one wins.
func Name(s string, known []string) string {
	if len(s) > maxNear {
		return ""
	}
	best, limit := "", max(1, (len(s)+1)/3)+1
	for _, k := range known {
		if len(k) > maxNear || len(k)-len(s) >= limit || len(s)-len(k) >= limit {
			continue
		}
		if d := distance(strings.ToLower(s), strings.ToLower(k)); d < limit {
			best, limit = k, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of
// neighbours that turn a into b (optimal string alignment).
func distance(a, b string) int {
	older, old, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old, row = old, row, older
	}
	return old[len(b)]
}
