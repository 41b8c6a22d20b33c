package jobs

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on what a job holds while it runs.
const (
	maxLocks    = 16
	MaxShares   = 1000 // of a lock
	maxSecrets  = 32
	maxServices = 16
	maxCaches   = 16
	maxPaths    = 64
	maxKey      = 256 // bytes of a cache's key
	maxFallback = 8
)

// LockKeys lists what an entry of locks may hold, if it is a mapping.
func LockKeys() strict.Keys { return strict.Keys{Known: []string{"name", "count"}} }

// ServiceKeys lists what a service may hold.
func ServiceKeys() strict.Keys {
	return strict.Keys{Known: []string{"run", "env", "ready", "timeout"},
		Elsewhere: map[string]string{"image": "write run: COMMAND; a service is a command that runs beside the steps",
			"command": "write run: COMMAND", "healthcheck": "write ready: COMMAND"}}
}

// CacheKeys lists what an entry of caches may hold.
func CacheKeys() strict.Keys {
	return strict.Keys{Known: []string{"paths", "key", "fallback"},
		Elsewhere: map[string]string{"path": "write paths: [PATH, ...]", "restore-keys": "write fallback: [BEGINNING, ...]",
			"restore_keys": "write fallback: [BEGINNING, ...]"}}
}

// holds reads what a job holds while it runs.
func (r reader) holds(f strict.Fields, j *weir.Job, what string) {
	f.With("locks", func(n *yaml.Node) { j.Locks = r.locks(n, what) })
	f.With("secrets", func(n *yaml.Node) { j.Secrets = r.secrets(n, what, j.Env) })
	f.With("services", func(n *yaml.Node) { j.Services = r.services(n, what) })
	f.With("caches", func(n *yaml.Node) { j.Caches = r.caches(n, what) })
}

func (r reader) locks(n *yaml.Node, what string) []weir.LockUse {
	var out []weir.LockUse
	r.List(n, "locks of "+what, func(_ int, n *yaml.Node) {
		u, name := weir.LockUse{}, n
		if strict.Target(n).Kind == yaml.MappingNode {
			f := r.Fields(n, "an entry of locks", LockKeys())
			if _, ok := f["name"]; !ok {
				r.Problem(n, "an entry of locks has no name").Hint("write {name: LOCK, count: 2}, or just LOCK")
				return
			}
			f.With("count", func(n *yaml.Node) { u.Count, _ = r.Number(n, "count", 1, MaxShares) })
			name = f["name"].Value
		}
		u.Name, _ = r.Text(name, "a lock of "+what)
		switch {
		case u.Name == "":
		case slices.ContainsFunc(out, func(o weir.LockUse) bool { return o.Name == u.Name }):
			r.Problem(name, "locks of %s names %s twice", what, strict.Show(u.Name)).Hint("write {name: %s, count: 2} to take two shares", strict.Clip(u.Name))
		case len(out) == maxLocks:
			r.Problem(n, "locks of %s has more than %d entries", what, maxLocks)
		default:
			out = append(out, u)
			r.out.Locks = append(r.out.Locks, Ref{u.Name, u.Shares(), name})
		}
	})
	return out
}

// secrets reads names of secrets, which the environment may not have already.
func (r reader) secrets(n *yaml.Node, what string, env []weir.EnvVar) []string {
	return r.Unique(n, "secrets of "+what, maxSecrets, func(n *yaml.Node) string {
		s := r.Variable(n, "a secret of "+what)
		if s == "" {
			return ""
		}
		if slices.ContainsFunc(env, func(v weir.EnvVar) bool { return v.Name == s }) {
			r.Problem(n, "%s has %s both in env and in secrets", what, s).Hint("remove one of the two")
		}
		r.out.Secrets = append(r.out.Secrets, Ref{Name: s, Node: n})
		return s
	})
}

func (r reader) services(n *yaml.Node, what string) []weir.Service {
	var out []weir.Service
	for _, e := range r.Entries(n, "services of "+what) {
		if !weir.ValidName(e.Name) {
			r.BadName(e.Key, "a service", e.Name)
			continue
		}
		if len(out) == maxServices {
			r.Problem(e.Key, "services of %s has more than %d entries", what, maxServices)
			break
		}
		s := weir.Service{Name: e.Name}
		of := "service " + e.Name
		f := r.Fields(e.Value, of, ServiceKeys())
		if run, ok := f["run"]; ok {
			s.Run = r.run(run.Value)
		} else if strict.Target(e.Value).Kind == yaml.MappingNode {
			r.Problem(e.Key, "%s has no command", of).Hint("write run: COMMAND")
		}
		f.With("env", func(n *yaml.Node) { s.Env = r.env(n, "env of "+of) })
		f.With("ready", func(n *yaml.Node) { s.Ready, _ = r.Prose(n, "ready") })
		f.With("timeout", func(n *yaml.Node) {
			s.Timeout = r.Duration(n, "timeout", minTimeout, maxTimeout)
			if f["ready"].Key == nil {
				r.Problem(f["timeout"].Key, "%s has a timeout, but nothing to wait for", of).Hint("write ready: COMMAND")
			}
		})
		out = append(out, s)
	}
	return out
}

func (r reader) caches(n *yaml.Node, what string) []weir.Cache {
	var out []weir.Cache
	r.List(n, "caches of "+what, func(_ int, n *yaml.Node) {
		if len(out) == maxCaches {
			r.Problem(n, "caches of %s has more than %d entries", what, maxCaches)
			return
		}
		c := weir.Cache{}
		f := r.Fields(n, "an entry of caches", CacheKeys())
		if _, ok := f["paths"]; !ok && strict.Target(n).Kind == yaml.MappingNode {
			r.Problem(n, "an entry of caches has no paths").Hint("write paths: [PATH, ...]")
		}
		if _, ok := f["key"]; !ok && strict.Target(n).Kind == yaml.MappingNode {
			r.Problem(n, "an entry of caches has no key").Hint("write key: deps-{platform}-{hash:go.sum}, for example")
		}
		f.With("paths", func(n *yaml.Node) {
			c.Paths = r.Unique(n, "paths of a cache", maxPaths, r.cachePath)
		})
		f.With("key", func(n *yaml.Node) { c.Key = r.cacheKey(n, "the key of a cache") })
		f.With("fallback", func(n *yaml.Node) {
			c.Fallback = r.Unique(n, "fallback of a cache", maxFallback, func(n *yaml.Node) string { return r.cacheKey(n, "a beginning in fallback") })
		})
		out = append(out, c)
	})
	return out
}

const home = "~/"

// cachePath reads a path below the checkout, or below the home directory.
func (r reader) cachePath(n *yaml.Node) string {
	const what = "a path of a cache"
	one := *strict.Target(n)
	rest, inHome := strings.CutPrefix(one.Value, home)
	if !inHome {
		return r.Relative(n, what)
	}
	if path.Clean(rest) == "." {
		r.Problem(n, "%s may not be the whole home directory", what).Hint("name what is to be kept: ~/.cache/pip")
		return ""
	}
	one.Value = rest
	if s := r.Relative(&one, what); s != "" {
		return home + s
	}
	return ""
}

var (
	placeholder = regexp.MustCompile(`\{([^{}]*)\}`)
	hashForm    = regexp.MustCompile(`^hash:(.+)$`)
)

// cacheKey reads a key, or a beginning of one.
func (r reader) cacheKey(n *yaml.Node, what string) string {
	s := r.Line(n, what, maxKey)
	if s == "" {
		return ""
	}
	n = strict.Target(n)
	if strings.ContainsAny(placeholder.ReplaceAllString(s, ""), "{}") {
		r.Problem(n, "%s has a brace without its other one: %s", what, strict.Show(s)).Hint("placeholders are written {platform}")
		return ""
	}
	for _, m := range placeholder.FindAllStringSubmatch(s, -1) {
		if slices.Contains([]string{"platform", "branch", "job"}, m[1]) || envForm.MatchString(m[1]) {
			continue
		}
		pattern := hashForm.FindStringSubmatch(m[1])
		if pattern == nil {
			r.Problem(n, "%s has an unknown placeholder: %s", what, strict.Show(m[0])).
				Hint("there are {platform}, {branch}, {job}, {hash:PATTERN} and {VARIABLE}")
			return ""
		}
		one := *n
		one.Value = pattern[1]
		if r.Pattern(&one, "a pattern in "+what) == "" {
			return ""
		}
	}
	return s
}
