package archive

import "strings"

// rank is what a word in a version says about its place.
type rank int

// The ranks, in order: 1.0~x < 1.0rc1 < 1.0 < 1.0-p1 < 1.0a < 1.0.1. The end of a version is
// rankEnd.
const (
	rankBelow rank = iota // whatever comes behind ~, as in Debian
	rankDev
	rankAlpha
	rankBeta
	rankCandidate
	rankEnd
	rankBuild  // whatever comes behind +
	rankPost   // post, p, pl, patch, r, rev
	rankLetter // any other word: openssl's 1.0.2k
	rankNumber
)

// rankOf is what a word means. Single letters do so only before a digit: 1.0b2 is a
// beta, 1.0.2b is not.
func rankOf(word string, beforeDigit bool) rank {
	if len(word) == 1 && !beforeDigit {
		return rankLetter
	}
	switch word {
	case "dev", "snapshot", "nightly", "git", "svn", "unstable", "experimental":
		return rankDev
	case "alpha", "a", "preview", "milestone", "m", "ea":
		return rankAlpha
	case "beta", "b", "test":
		return rankBeta
	case "rc", "c", "cr", "pre", "candidate":
		return rankCandidate
	case "final", "ga", "release", "stable":
		return rankEnd
	case "post", "p", "pl", "patch", "r", "rev", "sp":
		return rankPost
	}
	return rankLetter
}

// part is a number or a word of a version.
type part struct {
	rank rank
	text string // digits without leading zeros, or a word in lower case
}

// split takes a version apart: numbers and words, whatever separates them.
func split(version string) []part {
	var parts []part
	v := strings.ToLower(version)
	below, build := false, false
	for i := 0; i < len(v); {
		end := i
		switch c := v[i]; {
		case c >= '0' && c <= '9':
			for end < len(v) && v[end] >= '0' && v[end] <= '9' {
				end++
			}
			parts = append(parts, mark(part{rankNumber, strings.TrimLeft(v[i:end], "0")}, below, build))
			below = false
		case c >= 'a' && c <= 'z':
			for end < len(v) && v[end] >= 'a' && v[end] <= 'z' {
				end++
			}
			word := v[i:end]
			next := strings.TrimLeft(v[end:], ".-_")
			if word != "v" || i > 0 {
				digit := next != "" && next[0] >= '0' && next[0] <= '9'
				parts = append(parts, mark(part{rankOf(word, digit), word}, below, build))
			}
			below = false
		default:
			below = c == '~'
			build = build || c == '+'
			end++
		}
		i = end
	}
	return trim(parts)
}

// trim leaves out zeros at the end of each row of numbers, so that 1, 1.0 and 1.0.0
// are the same whatever follows.
func trim(parts []part) []part {
	kept := parts[:0]
	for _, p := range parts {
		if p.rank != rankNumber {
			kept = trimEnd(kept)
		}
		kept = append(kept, p)
	}
	return trimEnd(kept)
}

func trimEnd(parts []part) []part {
	for len(parts) > 0 && parts[len(parts)-1] == (part{rank: rankNumber}) {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// mark gives a part the rank of the sign before it.
func mark(p part, below, build bool) part {
	switch {
	case below:
		p.rank = rankBelow
	case build:
		p.rank = rankBuild
	}
	return p
}

// Compare orders versions as people mean them: numbers by value, of any length;
// words for prereleases (dev before alpha, a1 before beta, b1 before rc, c1, pre)
// and what follows ~ before the version without them; words for what comes after
// (post, p, patch, rev), what follows +, and any other word behind it, so that 1.0.2 < 1.0.2a
// < 1.0.3. Missing numbers are zeros: 1.0 and 1 are equal. Separators,
// upper and lower case and a leading v do not matter.
func Compare(a, b string) int {
	x, y := split(a), split(b)
	for i := 0; i < len(x) || i < len(y); i++ {
		if c := at(x, i).compare(at(y, i)); c != 0 {
			return c
		}
	}
	return 0
}

// at is the part at i, or the end.
func at(parts []part, i int) part {
	if i < len(parts) {
		return parts[i]
	}
	return part{rank: rankEnd}
}

func (p part) compare(q part) int {
	if p.rank != q.rank {
		return int(p.rank) - int(q.rank)
	}
	switch p.rank {
	case rankDev, rankAlpha, rankBeta, rankCandidate, rankEnd, rankPost:
		return 0 // a and alpha are the same word
	}
	if digits(p.text) && digits(q.text) && len(p.text) != len(q.text) {
		return len(p.text) - len(q.text)
	}
	return strings.Compare(p.text, q.text)
}

func digits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// Prerelease reports whether something in a version says that it is not meant
// for everybody.
func Prerelease(version string) bool {
	for _, p := range split(version) {
		if p.rank < rankEnd {
			return true
		}
	}
	return false
}
