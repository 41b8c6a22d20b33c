package git

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source/command"
)

// Limits of what a source may say, in bytes.
const (
	maxLocation = 2000
	maxRefName  = 250
)

var (
	scpForm = regexp.MustCompile(`^([A-Za-z0-9_][A-Za-z0-9._-]*@)?[A-Za-z0-9\[][A-Za-z0-9.:\]-]*:[^/@:]*(/|$)`)
	hashHex = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)
)

// checkLocation refuses what git would run as a program, what holds
// credentials, and what means something else in another directory.
func checkLocation(loc string) error {
	refuse := func(why, hint string) error {
		return weir.Errorf(weir.Invalid, "git location %.200q %s", command.Redact(loc), why).WithHint("%s", hint)
	}
	const forms = "write https://host/path, ssh://user@host/path, user@host:path or an absolute path"
	switch {
	case loc == "" || len(loc) > maxLocation:
		return weir.Errorf(weir.Invalid, "git location is empty or over %d bytes", maxLocation).WithHint(forms)
	case strings.HasPrefix(loc, "-") || strings.ContainsFunc(loc, unicode.IsControl):
		return refuse("starts with a dash or holds control characters", forms)
	case filepath.IsAbs(loc):
		return nil
	case !strings.Contains(loc, "://"):
		if strings.Contains(loc, "::") || !scpForm.MatchString(loc) {
			// Not shown: it may be user:password@host:path.
			return weir.Errorf(weir.Invalid, "git location has no form that git may use here").WithHint(forms)
		}
		return nil
	}
	u, err := url.Parse(loc)
	if err != nil {
		return weir.Errorf(weir.Invalid, "git location is not a URL").WithHint(forms)
	}
	_, password := u.User.Password()
	web := u.Scheme == "http" || u.Scheme == "https"
	switch {
	case !web && u.Scheme != "ssh" && u.Scheme != "git" && u.Scheme != "file":
		return refuse("has a scheme that is not allowed", forms)
	case password, web && u.User != nil, web && u.RawQuery != "":
		return refuse("holds credentials", "leave them out and let git find them: git config credential.helper, or an ssh key")
	case u.Scheme != "file" && (u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-")), strings.HasPrefix(u.User.Username(), "-"):
		return refuse("has no usable host", forms)
	}
	return nil
}

// local reports whether a location is a place in this machine's file system.
func local(loc string) bool { return filepath.IsAbs(loc) || strings.HasPrefix(loc, "file:") }

// checkRef insists on the full name of a ref.
func checkRef(ref string) error {
	if !strings.HasPrefix(ref, "refs/") {
		return weir.Errorf(weir.Invalid, "%.80q is not the full name of a git ref", ref).WithHint("write refs/tags/v1 or refs/pull/7/head")
	}
	return checkRefName("ref", ref)
}

// checkRefName refuses names that git check-ref-format refuses, and with them
// everything that could pass for an option or a revision expression.
func checkRefName(what, name string) error {
	bad := name == "" || len(name) > maxRefName || strings.HasPrefix(name, "-") || name == "@" ||
		strings.ContainsAny(name, " ~^:?*[\\\x7f") || strings.ContainsFunc(name, unicode.IsControl) ||
		strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.HasSuffix(name, ".")
	for _, part := range strings.Split(name, "/") {
		bad = bad || part == "" || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return weir.Errorf(weir.Invalid, "%.80q cannot be a git %s", name, what).
			WithHint("see `git check-ref-format --help` for what a name may hold")
	}
	return nil
}

// checkHash insists on a full commit hash.
func checkHash(id string) error {
	if !hashHex.MatchString(id) {
		return weir.Errorf(weir.Invalid, "%.80q is not a full commit hash", id).
			WithHint("git rev-parse prints the full hash of a commit")
	}
	return nil
}

// checkSource checks all words of a source that git will see.
func checkSource(src weir.Source) error {
	if err := checkLocation(src.Location); err != nil {
		return err
	}
	for _, w := range []struct{ what, name string }{{"branch", src.Branch}, {"revision", src.From}, {"revision", src.To}} {
		if w.name == "" {
			continue
		}
		if err := checkRefName(w.what, w.name); err != nil {
			return err
		}
	}
	return nil
}
