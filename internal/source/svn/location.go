package svn

import (
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/source/command"
)

// maxLocation limits a location, in bytes.
const maxLocation = 2000

var (
	revisionID = regexp.MustCompile(`^r[1-9][0-9]{0,9}$`)
	written    = regexp.MustCompile(`^r?[1-9][0-9]{0,9}$`)
)

// schemes are those that an svn without configuration knows; svn+ssh is the only
// one that runs a program, and that is ssh.
func allowed(scheme string) bool {
	switch scheme {
	case "http", "https", "svn", "svn+ssh", "file":
		return true
	}
	return false
}

// checkLocation refuses what holds credentials and what svn would run.
func checkLocation(loc string) error {
	refuse := func(why, hint string) error {
		return weir.Errorf(weir.Invalid, "svn location %.200q %s", command.Redact(loc), why).WithHint("%s", hint)
	}
	const forms = "write https://host/path, svn://host/path, svn+ssh://user@host/path or an absolute path"
	switch {
	case loc == "" || len(loc) > maxLocation:
		return weir.Errorf(weir.Invalid, "svn location is empty or over %d bytes", maxLocation).WithHint(forms)
	case strings.HasPrefix(loc, "-") || strings.ContainsFunc(loc, unicode.IsControl) || !utf8.ValidString(loc):
		return refuse("starts with a dash or holds control characters", forms)
	case filepath.IsAbs(loc):
		return nil
	case !strings.Contains(loc, "://"):
		return weir.Errorf(weir.Invalid, "svn location has no form that svn may use here").WithHint(forms)
	}
	u, err := url.Parse(loc)
	if err != nil {
		return weir.Errorf(weir.Invalid, "svn location is not a URL").WithHint(forms)
	}
	_, password := u.User.Password()
	switch {
	case !allowed(u.Scheme):
		return refuse("has a scheme that is not allowed", forms)
	case password, u.Scheme != "svn+ssh" && u.User != nil, u.RawQuery != "", u.Fragment != "":
		return refuse("holds credentials", "leave them out and name a secret in the source's credentials, or use an ssh key")
	case u.Scheme != "file" && (u.Hostname() == "" || strings.HasPrefix(u.Hostname(), "-")), strings.HasPrefix(u.User.Username(), "-"):
		return refuse("has no usable host", forms)
	}
	return nil
}

// checkSource checks all words of a source that svn will see.
func checkSource(src weir.Source) error {
	if err := checkLocation(src.Location); err != nil {
		return err
	}
	if src.Branch != "" {
		if err := checkBranch(src.Branch); err != nil {
			return err
		}
	}
	for _, r := range []string{src.From, src.To} {
		if r != "" && !written.MatchString(r) {
			return badRevision(r)
		}
	}
	return nil
}

func checkBranch(branch string) error {
	if source.CheckPath(branch) != nil || strings.ContainsFunc(branch, unicode.IsControl) || !utf8.ValidString(branch) {
		return weir.Errorf(weir.Invalid, "%.80q cannot be a branch of svn", branch).
			WithHint("a branch is a path below the location, such as trunk or branches/1.x")
	}
	return nil
}

func badRevision(id string) error {
	return weir.Errorf(weir.Invalid, "%.80q is not a revision of svn", id).WithHint("write r and its number, such as r123")
}

// number takes an id apart; checkID or checkSource has seen it.
func number(id string) int64 {
	n, _ := strconv.ParseInt(strings.TrimPrefix(id, "r"), 10, 64)
	return n
}

func id(n int64) string { return "r" + strconv.FormatInt(n, 10) }

func checkID(id string) error {
	if !revisionID.MatchString(id) {
		return badRevision(id)
	}
	return nil
}

// base is the URL of a source's location.
func base(src weir.Source) string {
	if !filepath.IsAbs(src.Location) {
		return strings.TrimRight(src.Location, "/")
	}
	path := filepath.ToSlash(filepath.Clean(src.Location))
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // of a drive
	}
	return "file://" + escape(path)
}

// escape writes a path for a URL.
func escape(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// target is the URL of a path below the source's branch, as it was named at a
// revision; 0 means the newest. The peg is always there, since paths may hold an @.
func target(src weir.Source, path string, peg int64) string {
	u := base(src)
	for _, p := range []string{src.Branch, path} {
		if p != "" {
			u += "/" + escape(p)
		}
	}
	if u += "@"; peg > 0 {
		u += strconv.FormatInt(peg, 10)
	}
	return u
}

// inFiles reports whether a URL is a place in this machine's file system.
func inFiles(u string) bool { return strings.HasPrefix(u, "file:") }
