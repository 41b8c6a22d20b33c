package sources

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

var (
	helperForm = regexp.MustCompile(`^[A-Za-z0-9+._-]+::`)
	scpForm    = regexp.MustCompile(`^(?:([A-Za-z0-9._][A-Za-z0-9._-]*)@)?([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):([^:/-].*|/[^/].*)$`)
)

// schemes lists what the URL of a repository may start with.
func schemes(kind weir.SourceKind) []string {
	switch kind {
	case weir.Hg:
		return []string{"https", "http", "ssh", "file"}
	case weir.Svn:
		return []string{"https", "http", "svn", "svn+ssh", "file"}
	}
	return []string{"https", "http", "ssh", "git", "file"}
}

// transports says in a hint what a repository may be read through.
func transports(kind weir.SourceKind) string {
	if kind == weir.Git {
		return "use https, ssh, git, http, file, or a path"
	}
	return "use " + strings.Join(schemes(kind), ", ") + ", or a path"
}

// location reads what git, hg or svn is to read. All of them run commands for
// some locations (ext::, unknown schemes) and take others for options.
func (r reader) location(n *yaml.Node, kind weir.SourceKind) string {
	key := string(kind)
	s, ok := r.Prose(n, key)
	if !ok {
		return ""
	}
	n = strict.Target(n)
	switch {
	case len(s) > strict.MaxPath || strings.ContainsFunc(s, unicode.IsControl) || s != strings.TrimSpace(s):
		r.Hide(n)
		r.Problem(n, "%s is not a location", key).Hint("write a URL in one line, or a path")
	case strings.HasPrefix(s, "-"):
		r.Problem(n, "%s may not start with a dash: %s", key, strict.Show(s)).Hint("write ./ in front of a path")
	case strict.Drive(s) || filepath.IsAbs(s):
		return r.Absolute(s)
	case helperForm.MatchString(s):
		scheme, _, _ := strings.Cut(s, "::")
		r.Hide(n)
		r.Problem(n, "%s may not use the transport %s::", key, strict.Clip(scheme)).Hint("%s", transports(kind))
	case strings.Contains(s, "://"):
		return r.url(n, s, kind)
	case strings.Contains(s, ":") && kind == weir.Git:
		return r.scpLike(n, s)
	case strings.Contains(s, ":"):
		r.Hide(n)
		r.Problem(n, "%s is neither a URL nor a path", key).Hint("%s", transports(kind))
	default:
		return r.path(n, s, kind)
	}
	return ""
}

func (r reader) url(n *yaml.Node, s string, kind weir.SourceKind) string {
	key := string(kind)
	u, err := url.Parse(s)
	if err != nil { // its text holds the URL, and the URL may hold a password
		r.Hide(n)
		r.Problem(n, "%s is not a URL", key).Hint("write it like https://example.org/project%s", suffix(kind))
		return ""
	}
	_, password := u.User.Password()
	ssh := u.Scheme == "ssh" || u.Scheme == "svn+ssh"
	switch {
	case !slices.Contains(schemes(kind), u.Scheme):
		r.Hide(n)
		r.Problem(n, "%s may not use the transport %s", key, strict.Show(u.Scheme)).Hint("%s", transports(kind))
	case password, u.User != nil && !ssh, u.RawQuery != "", u.Fragment != "":
		r.credentials(n, key)
	case u.Scheme == "file" && u.Path == "", u.Scheme != "file" && u.Hostname() == "":
		r.Problem(n, "%s has no host or path: %s", key, strict.Show(s))
	case strings.HasPrefix(u.Host, "-"), strings.HasPrefix(u.User.Username(), "-"):
		r.Problem(n, "no part of %s may start with a dash: %s", key, strict.Show(s))
	default:
		return s
	}
	return ""
}

func suffix(kind weir.SourceKind) string {
	if kind == weir.Git {
		return ".git"
	}
	return ""
}

func (r reader) credentials(n *yaml.Node, key string) {
	r.Hide(n)
	others := ""
	if key == string(weir.Git) {
		others = "; or let git find them with a credential helper, ~/.netrc or an ssh key"
	}
	r.Problem(n, "%s may hold no credentials: locations are shown on pages and sent to workers", key).
		Hint("remove the user, password and query; name a secret with credentials: NAME%s; and change the password if others have seen the file", others)
}

func (r reader) scpLike(n *yaml.Node, s string) string {
	host, _, _ := strings.Cut(s, "/")
	switch {
	case strings.Count(host, ":") > 1 && strings.Contains(host, "@") && !strings.Contains(host, "["),
		strings.Index(host, ":") < strings.Index(host, "@"):
		r.credentials(n, string(weir.Git))
	case !scpForm.MatchString(s):
		r.Problem(n, "git is not a location: %s", strict.Show(s)).
			Hint("write a URL, USER@HOST:PATH, or a path with ./ in front")
	default:
		return s
	}
	return ""
}

// path reads a path of the farm's machine.
func (r reader) path(n *yaml.Node, s string, kind weir.SourceKind) string {
	first, _, deep := strings.Cut(s, "/")
	if strings.Contains(s, "@") || deep && strings.Trim(first, ".") != "" && strings.Contains(first, ".") {
		r.Problem(n, "%s is neither a URL nor a path: %s", kind, strict.Show(s)).
			Hint("write https:// in front of a host, or ./ in front of a path")
		return ""
	}
	return r.LocalPath(n, string(kind))
}

// version is what stands for the version in the location of archives.
const version = "{version}"

// archive reads where archives lie.
func (r reader) archive(n *yaml.Node) string {
	s := r.webURL(n, "archive", []string{"https", "http", "file"})
	if s == "" {
		return ""
	}
	n = strict.Target(n)
	switch {
	case !strings.Contains(s, version):
		r.Problem(n, "archive does not say where the version stands: %s", strict.Show(s)).
			Hint("write {version} in its place: https://example.org/tool-{version}.tar.gz")
	case strings.ContainsAny(strings.ReplaceAll(s, version, ""), "{}"):
		r.Problem(n, "archive can hold no placeholder but {version}: %s", strict.Show(s))
	case strings.Contains(s, version+version):
		r.Problem(n, "archive has {version} twice with nothing between: %s", strict.Show(s))
	default:
		return s
	}
	return ""
}

// webURL reads a URL that is fetched. It is returned as it was written.
func (r reader) webURL(n *yaml.Node, what string, schemes []string) string {
	s, ok := r.Prose(n, what)
	if !ok {
		return ""
	}
	n = strict.Target(n)
	u, err := url.Parse(strings.ReplaceAll(s, version, "0"))
	switch {
	case err != nil, len(s) > strict.MaxPath, strings.ContainsFunc(s, unicode.IsControl), s != strings.TrimSpace(s):
		r.Hide(n)
		r.Problem(n, "%s is not a URL", what).Hint("write it like https://example.org/...")
	case !slices.Contains(schemes, u.Scheme):
		r.Hide(n)
		r.Problem(n, "%s may not use the transport %s", what, strict.Show(u.Scheme)).Hint("use %s", strings.Join(schemes, ", "))
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		r.credentials(n, what)
	case u.Scheme == "file" && (u.Path == "" || u.Host != ""), u.Scheme != "file" && u.Hostname() == "":
		r.Problem(n, "%s has no host or path: %s", what, strict.Show(s)).Hint("a file is written with three slashes: file:///srv/dist")
	case strings.HasPrefix(u.Host, "-"), strings.Contains(u.Host, version):
		r.Problem(n, "%s has no usable host: %s", what, strict.Show(s))
	case u.Scheme != "file" && strings.Contains(strings.SplitN(s, "/", 4)[2], version):
		r.Problem(n, "%s has the version in its host: %s", what, strict.Show(s)).Hint("only the path may hold it")
	default:
		return s
	}
	return ""
}
