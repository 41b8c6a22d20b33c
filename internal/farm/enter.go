package farm

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

// Forceable is a project of which people can start jobs.
type Forceable struct {
	Project string
	Jobs    []weir.Job // sorted by name
}

// Named reports whether a text is part of the project's name, in any case.
func (f Forceable) Named(part string) bool {
	return strings.Contains(strings.ToLower(f.Project), strings.ToLower(strings.TrimSpace(part)))
}

// Forceable lists the projects with jobs that people can start, by name.
func (f *Farm) Forceable() (list []Forceable) {
	for _, p := range f.config.Load().Projects {
		jobs := slices.DeleteFunc(slices.Clone(p.Jobs), func(j weir.Job) bool { return !j.Start.Begins(weir.CauseForce) })
		if len(jobs) > 0 {
			list = append(list, Forceable{p.Name, jobs})
		}
	}
	return list
}
