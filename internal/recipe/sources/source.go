package recipe

import (
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Toolchain is the module whose versions are the Go toolchains. Its revisions
// are named as GOTOOLCHAIN names them: go1.22.5.
const Toolchain = "golang.org/toolchain"

// Limits on a source.
const (
	minPoll     = 100 * time.Millisecond
	maxPoll     = 30 * 24 * time.Hour
	maxRevision = 256 // bytes of a revision's name
	maxVersions = 5_000
)

var (
	revisionForm  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._/+~^@-]*$`)
	toolchainForm = regexp.MustCompile(`^go1(\.\d{1,4}){1,2}((rc|beta)\d{1,3})?$`)
	helperForm    = regexp.MustCompile(`^[A-Za-z0-9+._-]+::`)
	scpForm       = regexp.MustCompile(`^(?:([A-Za-z0-9._][A-Za-z0-9._-]*)@)?([A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\]):([^:/-].*|/[^/].*)$`)
)

// source reads where a project's revisions come from.
func (r reader) source(n *yaml.Node, project string) weir.Source {
	what := "the source of " + project
	if one := strict.Target(n); one.Kind == yaml.ScalarNode && one.ShortTag() == "!!str" {
		if one.Value == string(weir.None) {
			return weir.Source{Kind: weir.None}
		}
		p := r.Problem(one, "%s is not a mapping", what).
			Hint("write {git: URL} for a repository, {go: MODULE} for a module of the Go registry, or none for nothing to check out")
		if strings.Contains(one.Value, "/") {
			p.Hint("write {git: ...} around a URL or a path, or {go: ...} around a module")
		}
		r.Hide(one) // it may be a URL with a password
		return weir.Source{}
	}
	f := r.Fields(n, what, strict.Keys{Known: []string{"git", "go", "branch", "poll", "from", "to", "versions", "only_versions"}})
	var s weir.Source
	git, isGit := f["git"]
	mod, isGo := f["go"]
	switch {
	case isGit && isGo:
		r.Problem(mod.Key, "%s is both git and go", what).Hint("keep one of the two")
	case isGit:
		s.Kind = weir.Git
		s.Location = r.gitLocation(git.Value)
	case isGo:
		s.Kind = weir.Go
		s.Location = r.modulePath(mod.Value)
	case strict.Target(n).ShortTag() == "!!map":
		r.Problem(n, "%s says neither git nor go", what).
			Hint("write {git: URL} for a repository, {go: MODULE} for a module of the Go registry, or none instead of the mapping")
	}
	r.onlyFor(f, s.Kind, weir.Git, "branch")
	r.onlyFor(f, s.Kind, weir.Go, "versions", "only_versions")
	f.With("branch", func(n *yaml.Node) { s.Branch = r.revision(n, "branch", weir.Source{Kind: weir.Git}) })
	f.With("poll", func(n *yaml.Node) { s.Poll = r.Duration(n, "poll", minPoll, maxPoll) })
	f.With("from", func(n *yaml.Node) { s.From = r.revision(n, "from", s) })
	f.With("to", func(n *yaml.Node) { s.To = r.revision(n, "to", s) })
	f.With("versions", func(n *yaml.Node) { s.Versions = r.versions(n, s) })
	f.With("only_versions", func(n *yaml.Node) {
		s.Closed = r.Boolean(n, "only_versions")
		if _, listed := f["versions"]; s.Closed && !listed && s.Kind == weir.Go {
			r.Problem(f["only_versions"].Key, "%s has only_versions, but no versions", what).
				Hint("list them: versions: [v1.0.0]")
		}
	})
	return s
}

// onlyFor reports keys that only another kind of source has.
func (r reader) onlyFor(f strict.Fields, is, wants weir.SourceKind, names ...string) {
	for _, name := range names {
		if e, ok := f[name]; ok && is != "" && is != wants {
			r.Problem(e.Key, "a %s source has no %s", is, name).Hint("only %s sources have it; remove the line", wants)
		}
	}
}

func (r reader) versions(n *yaml.Node, s weir.Source) []string {
	var out []string
	r.List(n, "versions", func(_ int, n *yaml.Node) {
		v := r.revision(n, "a version", s)
		switch {
		case v == "":
		case slices.Contains(out, v):
			r.Problem(n, "versions names %s twice", strict.Show(v))
		case len(out) == maxVersions:
			r.Problem(n, "versions has more than %d entries", maxVersions)
		default:
			out = append(out, v)
		}
	})
	return out
}

// revision reads the name of a revision or a branch. It ends up on the
// command lines of other tools, so it may not look like an option.
func (r reader) revision(n *yaml.Node, what string, s weir.Source) string {
	v, ok := r.Text(n, what)
	if !ok {
		return ""
	}
	n = strict.Target(n)
	switch {
	case strings.HasPrefix(v, "-"):
		r.Problem(n, "%s may not start with a dash: %s", what, strict.Show(v))
	case len(v) > maxRevision || !revisionForm.MatchString(v) || strings.Contains(v, ".."):
		r.Problem(n, "%s is not the name of a revision: %s", what, strict.Show(v)).
			Hint("use a branch, a tag, a commit hash or a version")
	case s.Kind == weir.Go && s.Location == Toolchain && !toolchainForm.MatchString(v):
		r.Problem(n, "%s is not a Go toolchain: %s", what, strict.Show(v)).Hint("write it like go1.22.5")
	case s.Kind == weir.Go && s.Location != Toolchain && s.Location != "" && !r.fits(n, what, v, s.Location):
	default:
		return v
	}
	return ""
}

// fits checks that a version can be one of the module.
func (r reader) fits(n *yaml.Node, what, v, path string) bool {
	if !semver.IsValid(v) || module.CanonicalVersion(v) != v {
		p := r.Problem(n, "%s is not a module version: %s", what, strict.Show(v)).Hint("write it like v1.2.3")
		if semver.IsValid("v" + v) {
			p.Hint("did you mean %q?", module.CanonicalVersion("v"+v))
		}
		return false
	}
	if err := module.Check(path, v); err != nil {
		_, major, _ := module.SplitPathVersion(path)
		want := strings.TrimLeft(major, "/.")
		if want == "" {
			want = "v0 or v1"
		}
		r.Problem(n, "%s %s is not one of %s", what, strict.Show(v), strict.Show(path)).
			Hint("the module path says that its versions are %s", want)
		return false
	}
	return true
}

func (r reader) modulePath(n *yaml.Node) string {
	s, ok := r.Prose(n, "go")
	if !ok {
		return ""
	}
	n = strict.Target(n)
	if strings.Contains(s, "://") {
		r.Hide(n)
		r.Problem(n, "go wants a module path, not a URL").Hint("write it without https://, as in go.mod")
		return ""
	}
	if err := module.CheckPath(s); err != nil {
		p := r.Problem(n, "not a Go module path: %s", strict.Show(s)).Hint("write it as in go.mod, for example golang.org/x/tools")
		if path, _, ok := strings.Cut(s, "@"); ok && module.CheckPath(path) == nil {
			p.Hint("write go: %s, and the version under versions, from or to", path)
		}
		return ""
	}
	return s
}

// gitLocation reads what git is to clone. Git runs commands for some
// locations (ext::, unknown schemes) and takes others for options.
func (r reader) gitLocation(n *yaml.Node) string {
	s, ok := r.Prose(n, "git")
	if !ok {
		return ""
	}
	n = strict.Target(n)
	switch {
	case len(s) > strict.MaxPath || strings.ContainsFunc(s, unicode.IsControl) || s != strings.TrimSpace(s):
		r.Hide(n)
		r.Problem(n, "git is not a location").Hint("write a URL in one line, or a path")
	case strings.HasPrefix(s, "-"):
		r.Problem(n, "git may not start with a dash: %s", strict.Show(s)).Hint("write ./ in front of a path")
	case strict.Drive(s) || filepath.IsAbs(s):
		return r.Absolute(s)
	case helperForm.MatchString(s):
		scheme, _, _ := strings.Cut(s, "::")
		r.Hide(n)
		r.Problem(n, "git may not use the transport %s::", strict.Clip(scheme)).Hint("%s", transports)
	case strings.Contains(s, "://"):
		return r.gitURL(n, s)
	case strings.Contains(s, ":"):
		return r.scpLike(n, s)
	default:
		return r.gitPath(n, s)
	}
	return ""
}

const transports = "use https, ssh, git, http, file, or a path"

func (r reader) gitURL(n *yaml.Node, s string) string {
	u, err := url.Parse(s)
	if err != nil { // its text holds the URL, and the URL may hold a password
		r.Hide(n)
		r.Problem(n, "git is not a URL").Hint("write it like https://example.org/project.git")
		return ""
	}
	_, password := u.User.Password()
	switch {
	case !slices.Contains([]string{"https", "http", "ssh", "git", "file"}, u.Scheme):
		r.Hide(n)
		r.Problem(n, "git may not use the transport %s", strict.Show(u.Scheme)).Hint("%s", transports)
	case password, u.User != nil && u.Scheme != "ssh", u.RawQuery != "", u.Fragment != "":
		r.credentials(n)
	case u.Scheme == "file" && u.Path == "", u.Scheme != "file" && u.Hostname() == "":
		r.Problem(n, "git has no host or path: %s", strict.Show(s))
	case strings.HasPrefix(u.Host, "-"), strings.HasPrefix(u.User.Username(), "-"):
		r.Problem(n, "no part of git may start with a dash: %s", strict.Show(s))
	default:
		return s
	}
	return ""
}

func (r reader) credentials(n *yaml.Node) {
	r.Hide(n)
	r.Problem(n, "git may hold no credentials: locations are shown on pages and sent to workers").
		Hint("remove the user, password and query; let git find them with a credential helper, ~/.netrc or an ssh key, and change the password if others have seen the file")
}

func (r reader) scpLike(n *yaml.Node, s string) string {
	host, _, _ := strings.Cut(s, "/")
	switch {
	case strings.Count(host, ":") > 1 && strings.Contains(host, "@") && !strings.Contains(host, "["),
		strings.Index(host, ":") < strings.Index(host, "@"):
		r.credentials(n)
	case !scpForm.MatchString(s):
		r.Problem(n, "git is not a location: %s", strict.Show(s)).
			Hint("write a URL, USER@HOST:PATH, or a path with ./ in front")
	default:
		return s
	}
	return ""
}

// gitPath reads a path of the farm's machine.
func (r reader) gitPath(n *yaml.Node, s string) string {
	first, _, deep := strings.Cut(s, "/")
	if strings.Contains(s, "@") || deep && strings.Trim(first, ".") != "" && strings.Contains(first, ".") {
		r.Problem(n, "git is neither a URL nor a path: %s", strict.Show(s)).
			Hint("write https:// in front of a host, or ./ in front of a path")
		return ""
	}
	return r.LocalPath(n, "git")
}
