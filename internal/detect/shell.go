package detect

import (
	"regexp"
	"strings"
)

// plainWord is what the shell takes as it is.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// quote makes one word of s for the shell.
func quote(s string) string {
	if plainWord.MatchString(s) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// quoteAll joins words for the shell.
func quoteAll(words []string) string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = quote(w)
	}
	return strings.Join(out, " ")
}

// thenAlways runs a command that may fail, then another one that turns what it
// left into results, and ends as the first one did.
func thenAlways(run, after string) string {
	return "status=0\n" + run + " || status=$?\n" + after + "\nexit $status"
}

// lines joins commands of a step.
func lines(commands ...string) string { return strings.Join(commands, "\n") }
