package sources

import (
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

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
	maxSettle   = 7 * 24 * time.Hour
	maxRevision = 256 // bytes of a revision's name
	maxVersions = 5_000
	maxPatterns = 100
	maxTrusted  = 1000
	// MaxDepth limits how much history a checkout is asked to have, in commits.
	MaxDepth = 1_000_000
)

// reader reads the keys of a source.
type reader struct{ *strict.Reader }

// Kinds lists the keys of which a source has exactly one.
func Kinds() []string { return []string{"git", "hg", "svn", "archive", "go", "npm", "pypi"} }

// Keys lists what a source may hold.
func Keys() strict.Keys {
	return strict.Keys{
		Known: append(Kinds(), "branch", "poll", "from", "to", "versions", "only_versions", "index", "credentials",
			"clean", "depth", "submodules", "lfs",
			"branches", "tags", "settle", "files", "ignore", "skip_markers", "pulls"),
		Elsewhere: map[string]string{
			"url": "write the kind of the source as the key: git: URL", "interval": "write poll: 5m",
			"quiet_period": "write settle: 30s", "paths": "write files: [PATTERN, ...]", "recursive": "write submodules: true",
			"password": "write credentials: NAME, and the value under secrets in the farm file",
			"token":    "write credentials: NAME, and the value under secrets in the farm file",
			"module":   "write go: MODULE", "package": "write npm: NAME, or pypi: NAME",
		},
	}
}

// PullKeys lists what the key pulls may hold, if it is a mapping.
func PullKeys() strict.Keys { return strict.Keys{Known: []string{"build", "trusted"}} }

const kindHint = "write {git: URL} for a repository, {go: MODULE} for a module of the Go registry"

// Read reads where a project's revisions come from.
func Read(in *strict.Reader, n *yaml.Node, project string) weir.Source {
	r := reader{in}
	what := "the source of " + project
	if one := strict.Target(n); one.Kind == yaml.ScalarNode && one.ShortTag() == "!!str" {
		if one.Value == string(weir.None) {
			return weir.Source{Kind: weir.None}
		}
		p := r.Problem(one, "%s is not a mapping", what).Hint("%s, or none for nothing to check out", kindHint)
		if strings.Contains(one.Value, "/") {
			p.Hint("write {git: ...} around a URL or a path, or {go: ...} around a module")
		}
		r.Hide(one) // it may be a URL with a password
		return weir.Source{}
	}
	r.hideSecrets(n)
	f := r.Fields(n, what, Keys())
	s := r.kind(n, f, what)
	r.onlyFor(f, s.Kind)
	f.With("index", func(n *yaml.Node) { s.Index = r.webURL(n, "index", []string{"https", "http", "file"}) })
	f.With("credentials", func(n *yaml.Node) {
		if name := r.Variable(n, "credentials"); s.Kind != weir.Go {
			s.Credentials = name
		}
	})
	f.With("branch", func(n *yaml.Node) { s.Branch = r.revision(n, "branch", weir.Source{Kind: weir.Git}) })
	f.With("poll", func(n *yaml.Node) { s.Poll = r.Duration(n, "poll", minPoll, maxPoll) })
	f.With("from", func(n *yaml.Node) { s.From = r.revision(n, "from", s) })
	f.With("to", func(n *yaml.Node) { s.To = r.revision(n, "to", s) })
	f.With("versions", func(n *yaml.Node) { s.Versions = r.versions(n, s) })
	f.With("only_versions", func(n *yaml.Node) {
		s.Closed = r.Boolean(n, "only_versions")
		if _, listed := f["versions"]; s.Closed && !listed && s.Kind.Registry() {
			r.Problem(f["only_versions"].Key, "%s has only_versions, but no versions", what).
				Hint("list them: versions: [v1.0.0]")
		}
	})
	if _, listed := f["versions"]; s.Kind == weir.Archive && !listed && s.Index == "" && f["index"].Key == nil {
		r.Problem(f["archive"].Key, "%s does not say which versions there are", what).
			Hint("list them: versions: [1.0, 1.1]; or name a page that links to the archives: index: URL")
	}
	s.Checkout = r.checkout(f)
	s.Watch = r.watch(f)
	return s
}

// kind reads the one key that says what kind of source it is.
func (r reader) kind(n *yaml.Node, f strict.Fields, what string) (s weir.Source) {
	var kinds []strict.Entry
	for _, name := range Kinds() {
		if e, ok := f[name]; ok {
			kinds = append(kinds, e)
		}
	}
	if len(kinds) == 0 {
		if strict.Target(n).ShortTag() == "!!map" {
			r.Problem(n, "%s does not say of what kind it is", what).
				Hint("write one of %s and a location; or none instead of the mapping", strings.Join(Kinds(), ", "))
		}
		return s
	}
	if len(kinds) > 1 {
		slices.SortStableFunc(kinds, func(a, b strict.Entry) int {
			if a.Key.Line != b.Key.Line {
				return a.Key.Line - b.Key.Line
			}
			return a.Key.Column - b.Key.Column
		})
		r.Problem(kinds[1].Key, "%s is both %s and %s", what, kinds[0].Name, kinds[1].Name).Hint("keep one of the two")
		return s
	}
	s.Kind = weir.SourceKind(kinds[0].Name)
	switch value := kinds[0].Value; s.Kind {
	case weir.Go:
		s.Location = r.modulePath(value)
	case weir.NPM:
		s.Location = r.packageName(value, "npm", npmForm, "left-pad or @babel/core")
	case weir.PyPI:
		s.Location = r.packageName(value, "pypi", pypiForm, "attrs")
	case weir.Archive:
		s.Location = r.archive(value)
	default:
		s.Location = r.location(value, s.Kind)
	}
	return s
}

// keyKinds says which keys only some kinds of sources have.
func keyKinds() map[string][]weir.SourceKind {
	repositories := []weir.SourceKind{weir.Git, weir.Hg, weir.Svn}
	releases := []weir.SourceKind{weir.Archive, weir.Go, weir.NPM, weir.PyPI}
	return map[string][]weir.SourceKind{
		"branch": repositories, "branches": repositories, "tags": repositories, "settle": repositories,
		"files": repositories, "ignore": repositories, "skip_markers": repositories,
		"pulls": {weir.Git}, "depth": {weir.Git}, "lfs": {weir.Git}, "submodules": repositories,
		"versions": releases, "only_versions": releases, "index": {weir.Archive, weir.NPM, weir.PyPI},
		"credentials": {weir.Git, weir.Hg, weir.Svn, weir.Archive, weir.NPM, weir.PyPI},
	}
}

// onlyFor reports keys that only other kinds of sources have.
func (r reader) onlyFor(f strict.Fields, is weir.SourceKind) {
	if is == "" {
		return
	}
	for name, wants := range keyKinds() {
		e, ok := f[name]
		if !ok || slices.Contains(wants, is) {
			continue
		}
		names := make([]string, len(wants))
		for i, w := range wants {
			names[i] = string(w)
		}
		list := strings.Join(names, ", ")
		if len(names) > 1 {
			list = strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
		}
		article := "a"
		if is == weir.Archive || is == weir.Hg || is == weir.NPM || is == weir.Svn {
			article = "an"
		}
		p := r.Problem(e.Key, "%s %s source has no %s", article, is, name).Hint("only %s sources have it; remove the line", list)
		if name == "credentials" {
			p.Hint("the go command finds its own: ~/.netrc, GOAUTH, GOPROXY; remove the line")
		}
	}
}

// checkout reads how a revision is put into a build's directory.
func (r reader) checkout(f strict.Fields) (c weir.Checkout) {
	f.With("clean", func(n *yaml.Node) {
		known := make([]string, 0, len(weir.Cleans()))
		for _, k := range weir.Cleans() {
			known = append(known, string(k))
		}
		s, _ := r.Choice(n, "clean", known)
		c.Clean = weir.Clean(s)
	})
	f.With("depth", func(n *yaml.Node) { c.Depth, _ = r.Number(n, "depth", 0, MaxDepth) })
	f.With("submodules", func(n *yaml.Node) { c.Submodules = r.Boolean(n, "submodules") })
	f.With("lfs", func(n *yaml.Node) { c.LFS = r.Boolean(n, "lfs") })
	return c
}

// watch reads which changes set off builds.
func (r reader) watch(f strict.Fields) (w weir.Watch) {
	list := func(name string) (out []string) {
		f.With(name, func(n *yaml.Node) {
			out = r.Unique(n, name, maxPatterns, func(n *yaml.Node) string { return r.Pattern(n, "a pattern in "+name) })
		})
		return out
	}
	refs := func(name string) (out []string) {
		f.With(name, func(n *yaml.Node) {
			out = r.Unique(n, name, maxPatterns, func(n *yaml.Node) string {
				s := r.Pattern(n, "a pattern in "+name)
				if strings.HasPrefix(s, "-") || strings.ContainsAny(s, " ~^:\\@{") {
					r.Problem(strict.Target(n), "%s names a pattern that fits no name: %s", name, strict.Show(s))
					return ""
				}
				return s
			})
		})
		return out
	}
	w.Branches, w.Tags, w.Files, w.Ignore = refs("branches"), refs("tags"), list("files"), list("ignore")
	f.With("settle", func(n *yaml.Node) { w.Settle = r.Duration(n, "settle", 0, maxSettle) })
	f.With("skip_markers", func(n *yaml.Node) { w.NoSkip = !r.Boolean(n, "skip_markers") })
	f.With("pulls", func(n *yaml.Node) { w.Pulls = r.pulls(n) })
	return w
}

// pulls reads which pull requests are built: a policy, or a mapping with one.
func (r reader) pulls(n *yaml.Node) (p weir.PullPolicy) {
	known := []string{}
	for _, k := range weir.PullPolicies() {
		if k != weir.PullsNone {
			known = append(known, string(k))
		}
	}
	if strict.Target(n).Kind != yaml.MappingNode {
		s, _ := r.Choice(n, "pulls", known)
		return weir.PullPolicy{Build: weir.Pulls(s)}
	}
	f := r.Fields(n, "pulls", PullKeys())
	if _, ok := f["build"]; !ok {
		r.Problem(n, "pulls does not say which are built").Hint("write build: own, or another of %s", strings.Join(known, ", "))
	}
	f.With("build", func(n *yaml.Node) {
		s, _ := r.Choice(n, "pulls.build", known)
		p.Build = weir.Pulls(s)
	})
	f.With("trusted", func(n *yaml.Node) {
		p.Trusted = r.Unique(n, "pulls.trusted", maxTrusted, func(n *yaml.Node) string {
			s, ok := r.Text(n, "a user in pulls.trusted")
			if ok && !userForm.MatchString(s) {
				r.Problem(strict.Target(n), "%s is not the id of a user", strict.Show(s)).
					Hint("write the number (or UUID) that the forge has for the user; a name can be given up, and taken by somebody else")
				return ""
			}
			return s
		})
	})
	return p
}

// hideSecrets keeps out of every excerpt what stands behind keys under which
// somebody may have written a secret.
func (r reader) hideSecrets(n *yaml.Node) {
	one := strict.Target(n)
	if one.Kind != yaml.MappingNode {
		return
	}
	for i := 0; i+1 < len(one.Content); i += 2 {
		if name := one.Content[i].Value; name == "password" || name == "token" {
			r.Hide(one.Content[i+1])
		}
	}
}
