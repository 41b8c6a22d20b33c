package recipe

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/jobs"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on what projects share.
const (
	maxLocks   = 1000
	maxSecrets = 1000
)

// LockKeys lists what a lock may hold, if it is a mapping.
func LockKeys() strict.Keys { return strict.Keys{Known: []string{"count", "scope"}} }

// SecretKeys lists what a secret may hold.
func SecretKeys() strict.Keys { return strict.Keys{Known: []string{"file", "env"}} }

// HookKeys lists what a dialect under hooks may hold.
func HookKeys() strict.Keys { return strict.Keys{Known: []string{"secret"}} }

// Dialects lists the forges that can tell the farm of changes. Generic is for
// everything else.
func Dialects() []string {
	return []string{"github", "gitlab", "gitea", "forgejo", "bitbucket", "generic"}
}

// locks reads the farm's locks.
func (r reader) locks(n *yaml.Node) []weir.Lock {
	var out []weir.Lock
	for _, e := range r.Entries(n, "locks") {
		l := weir.Lock{Name: e.Name}
		switch {
		case !weir.ValidName(e.Name):
			r.BadName(e.Key, "a lock", e.Name)
			continue
		case len(out) == maxLocks:
			r.Problem(e.Key, "the farm has more than %d locks", maxLocks)
			return out
		case strict.Target(e.Value).Kind == yaml.MappingNode:
			f := r.Fields(e.Value, "lock "+e.Name, LockKeys())
			f.With("count", func(n *yaml.Node) { l.Count, _ = r.Number(n, "count of lock "+e.Name, 1, jobs.MaxShares) })
			f.With("scope", func(n *yaml.Node) {
				if s, _ := r.Choice(n, "scope of lock "+e.Name, []string{"farm", string(weir.LockWorker)}); s == string(weir.LockWorker) {
					l.Scope = weir.LockWorker
				}
			})
		default:
			l.Count, _ = r.Number(e.Value, "lock "+e.Name, 1, jobs.MaxShares)
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b weir.Lock) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// secrets reads where the farm's secrets are. A value that stands in the file
// itself is shown nowhere.
func (r reader) secrets(n *yaml.Node, out map[string]SecretFrom) {
	for _, e := range r.Entries(n, "secrets") {
		name := r.Variable(e.Key, "a secret")
		what := "secret " + name
		if strict.Target(e.Value).Kind != yaml.MappingNode {
			r.Hide(strict.Target(e.Value))
			r.Problem(e.Value, "%s holds a value, and the farm file is no place for one", what).
				Hint("write {file: PATH}, or {env: VARIABLE} for one of the server's environment; and change the secret if others have seen the file")
			continue
		}
		one := strict.Target(e.Value)
		for i := 0; i+1 < len(one.Content); i += 2 {
			if !slices.Contains(SecretKeys().Known, one.Content[i].Value) {
				r.Hide(one.Content[i+1])
			}
		}
		f := r.Fields(e.Value, what, SecretKeys())
		var s SecretFrom
		f.With("file", func(n *yaml.Node) { s.File = r.LocalPath(n, "the file of "+what) })
		f.With("env", func(n *yaml.Node) { s.Env = r.variable(n, "the variable of "+what) })
		switch {
		case len(f) == 0:
			r.Problem(e.Value, "%s does not say where it is", what).Hint("write {file: PATH}, or {env: VARIABLE}")
		case len(f) == 2:
			r.Problem(f["env"].Key, "%s is both in a file and in a variable", what).Hint("keep one of the two")
		}
		if len(out) == maxSecrets {
			r.Problem(e.Key, "the farm has more than %d secrets", maxSecrets)
			return
		}
		if name != "" {
			out[name] = s
		}
	}
}

// variable reads the name of a variable of the server's environment.
func (r reader) variable(n *yaml.Node, what string) string {
	s, ok := r.Prose(n, what)
	if ok && !jobs.IsVariable(s) {
		r.Hide(strict.Target(n)) // it may be the value
		r.Problem(strict.Target(n), "%s is not the name of a variable", what).Hint("write the name alone, without $")
		return ""
	}
	return s
}

// hooks reads which forges may tell the farm of changes.
func (r reader) hooks(n *yaml.Node, farm *Farm) {
	f := r.Fields(n, "hooks", strict.Keys{Known: Dialects()})
	for _, dialect := range Dialects() {
		f.With(dialect, func(n *yaml.Node) {
			what := "the hook " + dialect
			h := r.Fields(n, what, HookKeys())
			if _, ok := h["secret"]; !ok && strict.Target(n).Kind == yaml.MappingNode {
				r.Problem(n, "%s has no secret, so that anybody could speak for the forge", what).
					Hint("write {secret: NAME}, and the same value at the forge")
			}
			h.With("secret", func(n *yaml.Node) {
				name := r.Variable(n, "the secret of "+what)
				if _, ok := farm.Secrets[name]; name != "" && !ok {
					r.Unknown(strict.Target(n), "secret", name, " of "+what, nil).
						Hint("say where it is, at the top of the file: secrets: {%s: {file: PATH}}", name)
				}
				farm.Hooks[dialect] = name
			})
		})
	}
}
