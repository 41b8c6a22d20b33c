package sqlfind

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Limits on what is known of a name, and on what is asked for.
const (
	maxWords = 16 // words of a name
	maxWord  = 40 // bytes of a word
	maxAsked = 8  // words that somebody types
)

// Words lists the words by whose beginnings a name is found, in lower case, each
// once: what stands between characters that are neither letters nor digits,
// and what follows from each capital on that begins a word in it.
// CaseFolding_2 has the words casefolding, folding and 2.
func Words(name string) []string {
	var words []string
	for run := range strings.FieldsFuncSeq(name, separates) {
		if words = appendParts(words, run); len(words) >= maxWords {
			return words[:maxWords]
		}
	}
	return words
}

func separates(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
}

// asked lists the words that somebody types, as they are looked for.
func asked(typed []string) []string {
	var words []string
	for _, t := range typed {
		for run := range strings.FieldsFuncSeq(sqltx.Clean(t), separates) {
			if words = appendWord(words, run); len(words) == maxAsked {
				return words
			}
		}
	}
	return words
}

// has reports whether each word that is asked for begins one of the words.
func has(words, asked []string) bool {
	for _, a := range asked {
		if !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, a) }) {
			return false
		}
	}
	return true
}

// appendParts adds a run of letters and digits, and what follows in it from each
// capital on that stands behind a small letter or before one.
func appendParts(words []string, run string) []string {
	words = appendWord(words, run)
	var last rune
	for i, r := range run {
		if i > 0 && unicode.IsUpper(r) {
			next, _ := utf8.DecodeRuneInString(run[i+utf8.RuneLen(r):])
			if !unicode.IsUpper(last) || unicode.IsLower(next) {
				words = appendWord(words, run[i:])
			}
		}
		if len(words) >= maxWords {
			break
		}
		last = r
	}
	return words
}

func appendWord(words []string, w string) []string {
	w = sqltx.Clip(strings.ToLower(sqltx.Clip(w, maxWord)), maxWord) // small letters may be longer
	if w == "" || slices.Contains(words, w) {
		return words
	}
	return append(words, w)
}
