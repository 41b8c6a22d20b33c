package command

import "regexp"

var (
	// userinfo is what stands between :// and @ in a URL. It is greedy because
	// passwords may hold an @ themselves.
	userinfo = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://)[^/\s'"]*@`)
	// query is where some hosts let people put tokens.
	query = regexp.MustCompile(`([A-Za-z][A-Za-z0-9+.-]*://[^\s'"?#]*)[?#][^\s'"]*`)
)

// Redact strips user names, passwords and query strings from every URL in s,
// so that s can be shown.
func Redact(s string) string {
	return query.ReplaceAllString(userinfo.ReplaceAllString(s, "$1"), "$1")
}
