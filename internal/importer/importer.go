// Package importer turns the files of other services into a recipe, as far as
// there is a counterpart, and says what there is none for.
//
// Each service has a package below this one; draft is what they share. Nothing is
// run, and nothing but the file is looked at.
package importer

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/importer/draft"
	"github.com/weir-ci/weir/internal/importer/github"
	"github.com/weir-ci/weir/internal/importer/gitlab"
	"github.com/weir-ci/weir/internal/importer/travis"
	"github.com/weir-ci/weir/internal/importer/woodpecker"
)

// Service is whose file it is.
type Service string

// The closed set of services.
const (
	GitHub     Service = "github"     // .github/workflows/*.yml
	GitLab     Service = "gitlab"     // .gitlab-ci.yml
	Travis     Service = "travis"     // .travis.yml
	Woodpecker Service = "woodpecker" // .woodpecker.yml, .woodpecker/*.yml, .drone.yml
)

// Services lists every service.
func Services() []Service { return []Service{GitHub, GitLab, Travis, Woodpecker} }

// Of tells from its path, with slashes, whose file it is; ok is false if that is not known.
func Of(file string) (s Service, ok bool) {
	base, dir := path.Base(file), path.Base(path.Dir(file))
	stem := strings.TrimSuffix(strings.TrimSuffix(base, ".yml"), ".yaml")
	switch {
	case stem == base: // neither .yml nor .yaml
		return "", false
	case stem == ".travis":
		return Travis, true
	case stem == ".gitlab-ci":
		return GitLab, true
	case stem == ".woodpecker", stem == ".drone", dir == ".woodpecker":
		return Woodpecker, true
	case dir == "workflows":
		return GitHub, true
	}
	return "", false
}

// File imports one file. What comes of it is in the draft, its jobs in the order
// of the file; a file that is none of the service's gives none.
func File(s Service, file string, data []byte) *draft.Draft {
	d := read(s, file, data)
	slices.SortStableFunc(d.Notes, func(a, b draft.Note) int { return cmp.Compare(a.Line, b.Line) })
	return d
}

func read(s Service, file string, data []byte) *draft.Draft {
	switch s {
	case GitHub:
		return github.Import(file, data)
	case GitLab:
		return gitlab.Import(file, data)
	case Travis:
		return travis.Import(file, data)
	}
	return woodpecker.Import(file, data)
}

// Join makes one recipe of several drafts: jobs of the same name get a number.
func Join(drafts []*draft.Draft) (jobs []weir.Job, notes []draft.Note) {
	all := &draft.Draft{}
	for _, d := range drafts {
		had := len(all.Jobs)
		before := slices.Clone(d.Jobs)
		for _, j := range d.Jobs {
			all.Add(nil, j)
		}
		for i := range all.Jobs[had:] { // needs are names of the draft they come from
			j := &all.Jobs[had+i]
			for k, need := range j.Needs {
				at := slices.IndexFunc(before, func(b weir.Job) bool { return b.Name == need })
				if at >= 0 && had+at < len(all.Jobs) {
					j.Needs[k] = all.Jobs[had+at].Name
				}
			}
		}
		notes = append(notes, d.Notes...)
	}
	return all.Jobs, append(notes, all.Notes...)
}
