package hook

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/weir-ci/weir"
)

// Normal is the form in which two addresses of a repository are compared: host
// and path in lower case, without scheme, user, port, and .git at the end. So
// https://Example.org/a/b.git and git@example.org:a/b are the same. A path of
// this machine stays as it is, with file:// before it. Empty if s is no address.
func Normal(s string) string {
	if len(s) > maxURL || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return ""
	}
	if !strings.Contains(s, "://") {
		if filepath.IsAbs(s) || strings.HasPrefix(s, "/") {
			return "file://" + strings.TrimRight(filepath.ToSlash(s), "/")
		}
		host, at, ok := strings.Cut(s, ":") // scp's form
		if !ok || strings.Contains(host, "/") {
			return ""
		}
		return join(host[strings.LastIndexByte(host, '@')+1:], at)
	}
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	if u.Scheme == "file" {
		return "file://" + strings.TrimRight(u.Path, "/")
	}
	if u.Scheme == anyHost {
		return anyHost + "://" + strings.ToLower(strings.Trim(u.Path, "/"))
	}
	return join(u.Hostname(), u.Path)
}

// anyHost is the scheme of a repository whose path alone is known.
const anyHost = "path"

func join(host, path string) string {
	path = strings.TrimSuffix(strings.Trim(path, "/"), ".git")
	if host == "" || path == "" {
		return ""
	}
	return strings.ToLower(host + "/" + strings.TrimRight(path, "/"))
}

// About reports whether a delivery is about src.
func (d *Delivery) About(src weir.Source) bool {
	if !src.Kind.Repository() {
		return false
	}
	mine := Normal(src.Location)
	for _, at := range d.Repositories {
		switch tail, any := strings.CutPrefix(at, anyHost+"://"); {
		case mine == "":
		case any && tail != "" && strings.HasSuffix(mine, "/"+tail):
			return true
		// A repository of Subversion holds many sources.
		case !any && (at == mine || src.Kind == weir.Svn && strings.HasPrefix(mine, at+"/")):
			return true
		}
	}
	return false
}
