package sources

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/mod/module"
	"golang.org/x/mod/semver"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

var (
	revisionForm  = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._/+~^@!-]*$`)
	toolchainForm = regexp.MustCompile(`^go1(\.\d{1,4}){1,2}((rc|beta)\d{1,3})?$`)
	numberForm    = regexp.MustCompile(`^r?[1-9][0-9]{0,9}$`)
	npmForm       = regexp.MustCompile(`^(@[A-Za-z0-9][A-Za-z0-9._~-]{0,100}/)?[A-Za-z0-9][A-Za-z0-9._~-]{0,213}$`)
	pypiForm      = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,212}[A-Za-z0-9])?$`)
	// userForm is what forges have as ids of users: numbers, UUIDs, in braces or
	// behind a number.
	userForm = regexp.MustCompile(`^([0-9]{1,20}|([0-9]{1,20}:)?\{?[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}?)$`)
)

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
	case s.Kind == weir.Svn && !numberForm.MatchString(v):
		r.Problem(n, "%s is not a revision of Subversion: %s", what, strict.Show(v)).Hint("write r and its number: r123")
	case s.Kind.Registry() && strings.ContainsAny(v, "/~^@"):
		r.Problem(n, "%s is not a version: %s", what, strict.Show(v)).Hint("write it as it was released, like 1.2.3")
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

// packageName reads the name of a package of a registry.
func (r reader) packageName(n *yaml.Node, key string, form *regexp.Regexp, example string) string {
	s, ok := r.Prose(n, key)
	if !ok {
		return ""
	}
	n = strict.Target(n)
	if strings.Contains(s, "://") {
		r.Hide(n)
		r.Problem(n, "%s wants the name of a package, not a URL", key).
			Hint("write the name; where the registry is not the public one, its URL behind index")
		return ""
	}
	if !form.MatchString(s) {
		p := r.Problem(n, "not the name of a package: %s", strict.Show(s)).Hint("write it as the registry has it, for example %s", example)
		for _, sign := range []string{"==", "@"} {
			if name, version, ok := strings.Cut(s, sign); ok && name != "" && form.MatchString(name) {
				p.Hint("write %s: %s, and %s under versions, from or to", key, name, strict.Clip(version))
			}
		}
		return ""
	}
	return s
}
