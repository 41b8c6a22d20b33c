package hg

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/command"
)

// Limits of what a source may say, in bytes.
const (
	maxLocation = 2000
	maxName     = 250
	maxNumber   = 10 // digits: more are the start of a hash
)

var hashHex = regexp.MustCompile(`^[0-9a-f]{40}$`)

// checkLocation refuses what hg would run as a program, what holds credentials,
// and what means something else in another directory.
func checkLocation(loc string) error {
	refuse := func(why, hint string) error {
		return weir.Errorf(weir.Invalid, "hg location %.200q %s", command.Redact(loc), why).WithHint("%s", hint)
	}
	const forms = "write https://host/path, ssh://user@host/path or an absolute path"
	switch {
	case loc == "" || len(loc) > maxLocation:
		return weir.Errorf(weir.Invalid, "hg location is empty or over %d bytes", maxLocation).WithHint(forms)
	case strings.HasPrefix(loc, "-") || strings.ContainsFunc(loc, unicode.IsControl) || !utf8.ValidString(loc):
		return refuse("starts with a dash or holds control characters", forms)
	case strings.Contains(loc, "#"):
		return refuse("holds a #", "name the branch in the source's own key")
	case filepath.IsAbs(loc):
		return nil
	case !strings.Contains(loc, "://"):
		// Not shown: it may be user:password@host:path.
		return weir.Errorf(weir.Invalid, "hg location has no form that hg may use here").WithHint(forms)
	}
	u, err := url.Parse(loc)
	if err != nil {
		return weir.Errorf(weir.Invalid, "hg location is not a URL").WithHint(forms)
	}
	_, password := u.User.Password()
	web := u.Scheme == "http" || u.Scheme == "https"
	switch {
	case !web && u.Scheme != "ssh" && u.Scheme != "file":
		return refuse("has a scheme that is not allowed", forms)
	case password, web && u.User != nil, u.RawQuery != "":
		return refuse("holds credentials", "leave them out and name a secret in the source's credentials, or use an ssh key")
	case u.Scheme != "file" && (u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-")), strings.HasPrefix(u.User.Username(), "-"):
		return refuse("has no usable host", forms)
	}
	return nil
}

// local reports whether a location is a place in this machine's file system.
func local(loc string) bool { return filepath.IsAbs(loc) || strings.HasPrefix(loc, "file:") }

// checkName refuses names that Mercurial cannot have, that could pass for
// expressions, or that would be numbers of one repository's own.
func checkName(what, name string) error {
	number := strings.Trim(name, "0123456789") == "" && len(name) < maxNumber
	bad := name == "" || len(name) > maxName || strings.HasPrefix(name, "-") || strings.TrimSpace(name) != name || number ||
		strings.ContainsAny(name, ":\"'\\\x7f") || strings.ContainsFunc(name, unicode.IsControl) || !utf8.ValidString(name) ||
		name == "tip" || name == "null" || name == "."
	if bad {
		return weir.Errorf(weir.Invalid, "%.80q cannot be an hg %s", name, what).
			WithHint("branches and tags are names, and revisions are full hashes: numbers differ from clone to clone")
	}
	return nil
}

// checkHash insists on a full commit hash.
func checkHash(id string) error {
	if !hashHex.MatchString(id) {
		return weir.Errorf(weir.Invalid, "%.80q is not a full commit hash", id).
			WithHint("hg log -r REV -T '{node}' prints the full hash of a commit")
	}
	return nil
}

// checkSource checks all words of a source that hg will see.
func checkSource(src weir.Source) error {
	if err := checkLocation(src.Location); err != nil {
		return err
	}
	for _, w := range []struct{ what, name string }{{"branch", src.Branch}, {"revision", src.From}, {"revision", src.To}} {
		if w.name == "" {
			continue
		}
		if err := checkName(w.what, w.name); err != nil {
			return err
		}
	}
	return nil
}
