package jobs

import (
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// product reads the directory that is handed down.
func (r reader) product(n *yaml.Node) string {
	s, ok := r.Prose(n, "product")
	if !ok {
		return ""
	}
	if !productForm.MatchString(s) {
		r.Problem(strict.Target(n), "product must be %s, found %s", prefix, strict.Show(s)).
			Hint("install there: ./configure --prefix=%s, for example", prefix)
		return ""
	}
	return prefix
}

// results reads where tests leave their results, and in which format.
func (r reader) results(n *yaml.Node, what string) []weir.ResultFile {
	known := make([]string, 0, len(weir.ResultFormats()))
	for _, f := range weir.ResultFormats() {
		known = append(known, string(f))
	}
	var out []weir.ResultFile
	r.List(n, "results of "+what, func(_ int, n *yaml.Node) {
		entries := r.Entries(n, "an entry of results")
		if strict.Target(n).Kind == yaml.MappingNode && len(entries) != 1 {
			r.Problem(n, "an entry of results has one format and its path, found %d keys", len(entries)).
				Hint("write - {junit: PATH}, with a dash for each file")
		}
		for _, e := range entries {
			if !slices.Contains(known, e.Name) {
				r.Unknown(e.Key, "result format", e.Name, "", known)
				continue
			}
			file := weir.ResultFile{Format: weir.ResultFormat(e.Name), Path: r.Pattern(e.Value, "the path of "+e.Name)}
			switch {
			case file.Path == "":
			case slices.Contains(out, file):
				r.Problem(e.Value, "results names %s twice", strict.Show(file.Path))
			case len(out) == maxResults:
				r.Problem(e.Value, "results has more than %d entries", maxResults)
			default:
				out = append(out, file)
			}
		}
	})
	return out
}

// Limits on what is left of a job.
const (
	maxResults = 64
	maxRules   = 64
	minKeep    = time.Hour
	maxKeep    = 5 * 365 * 24 * time.Hour
	// prefix is where products are installed.
	prefix = "$WEIR_PREFIX"
)

var productForm = regexp.MustCompile(`^\$(?:WEIR_PREFIX|\{WEIR_PREFIX\})/?$`)

// ArtifactKeys lists what an entry of artifacts may hold, if it is a mapping.
func ArtifactKeys() strict.Keys {
	return strict.Keys{Known: []string{"path", "keep", "when"},
		Elsewhere: map[string]string{"paths": "write one entry for each path", "expire_in": "write keep: 720h", "name": "artifacts have the names of their files"}}
}

// artifacts reads which files are kept for people.
func (r reader) artifacts(n *yaml.Node, what string) []weir.ArtifactRule {
	var out []weir.ArtifactRule
	r.List(n, "artifacts of "+what, func(_ int, n *yaml.Node) {
		a, path := weir.ArtifactRule{}, n
		if strict.Target(n).Kind == yaml.MappingNode {
			f := r.Fields(n, "an entry of artifacts", ArtifactKeys())
			if _, ok := f["path"]; !ok {
				r.Problem(n, "an entry of artifacts has no path").Hint("write {path: PATTERN, keep: 720h}, or just PATTERN")
				return
			}
			f.With("keep", func(n *yaml.Node) { a.Keep = r.Duration(n, "keep", minKeep, maxKeep) })
			f.With("when", func(n *yaml.Node) { a.When = r.when(n, "when of an artifact") })
			path = f["path"].Value
		}
		a.Path = r.Pattern(path, "the path of an artifact")
		switch {
		case a.Path == "":
		case slices.ContainsFunc(out, func(o weir.ArtifactRule) bool { return o.Path == a.Path }):
			r.Problem(path, "artifacts names %s twice", strict.Show(a.Path))
		case len(out) == maxRules:
			r.Problem(n, "artifacts of %s has more than %d entries", what, maxRules)
		default:
			out = append(out, a)
		}
	})
	return out
}
