// Package dossier reads a regression with all that it rests on: the builds that
// were asked and what they said, the revisions between good and bad, what each
// side can do, what became of it, and the searches that follow from it.
//
// It decides nothing. What a page, the command line or a program shows of one
// regression is what is in its Detail.
package dossier

import (
	"context"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what is read.
type Store interface {
	Regression(ctx context.Context, id weir.RegressionID) (weir.Regression, error)
	Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error)
	Probes(ctx context.Context, id weir.RegressionID) ([]weir.Probe, error)
	Transitions(ctx context.Context, id weir.RegressionID) ([]weir.Transition, error)
	Build(ctx context.Context, id weir.BuildID) (weir.Build, error)
	BuildSpec(ctx context.Context, id weir.BuildID) (weir.Spec, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
}

// Detail is a regression and the evidence it rests on.
type Detail struct {
	Regression weir.Regression `json:"regression"`
	Probes     []weir.Probe    `json:"probes"` // by position, then age
	Points     []PathPoint     `json:"points"` // the path, from good (0) to bad
	// Source is that of the culprit's project; zero if there is no culprit, or
	// nothing of its project has been built.
	Source weir.Source  `json:"source,omitzero"`
	Spec   weir.Spec    `json:"spec"`   // of the first bad build: how to reproduce; zero if there is none yet
	Advice blame.Advice `json:"advice"` // what each side can do
	// Beside are the builds at its ends and corners that are no probes, oldest first.
	Beside []weir.Build `json:"beside,omitempty"`
	// Life is what became of it, oldest first, at most 1,000 steps.
	Life []weir.Transition `json:"life"`
	// Searches were made for it, newest first.
	Searches []weir.Regression `json:"searches,omitempty"`
}

// PathPoint is one position of a regression's path.
type PathPoint struct {
	Position int    `json:"position"`
	Project  string `json:"project"` // whose revision is new here
	// Revision is the new revision; at 0 the one the first leg starts from. In a
	// search for what mended tests the newest one stands at 0.
	Revision weir.Revision `json:"revision"`
	Suspect  bool          `json:"suspect"` // may still be the culprit
}

// maxPoints bounds how many points of a path are read. Longer paths lack those
// at their far end.
const maxPoints = 2000

// Read reads one; NotFound if there is none.
func Read(ctx context.Context, s Store, id weir.RegressionID) (Detail, error) {
	var d Detail
	var err error
	if d.Regression, err = s.Regression(ctx, id); err != nil {
		return d, err
	}
	d.Advice = blame.Advise(d.Regression)
	if d.Probes, err = s.Probes(ctx, id); err != nil {
		return d, err
	}
	if d.Beside, err = beside(ctx, s, d.Regression, d.Probes); err != nil {
		return d, err
	}
	if d.Spec, err = badSpec(ctx, s, d); err != nil {
		return d, err
	}
	if d.Source, err = source(ctx, s, d); err != nil {
		return d, err
	}
	if d.Life, err = s.Transitions(ctx, id); err != nil {
		return d, err
	}
	if d.Searches, err = s.Regressions(ctx, store.RegressionFilter{Of: id}); err != nil {
		return d, err
	}
	d.Points, err = points(ctx, s, d.Regression)
	return d, err
}

// points reads the path.
func points(ctx context.Context, s Store, r weir.Regression) ([]PathPoint, error) {
	var out []PathPoint
	length := 0
	for i, leg := range r.Path {
		length += int(leg.To - leg.From)
		first := leg.From
		if i > 0 {
			first++ // the border belongs to the leg before
		}
		last := min(leg.To, first+int64(maxPoints-len(out))-1)
		revs, err := s.RevisionRange(ctx, leg.Project, leg.Branch, first, last)
		if err != nil {
			return out, err
		}
		for _, rev := range revs {
			out = append(out, PathPoint{Position: len(out), Project: leg.Project, Revision: rev, Suspect: suspect(r, len(out))})
		}
	}
	if r.Aim != weir.AimFix {
		return out, nil
	}
	// The way is walked back: a step undoes the revision at the place before it.
	for i := range out {
		out[i].Position = length - i
		out[i].Suspect = suspect(r, length-i+1)
	}
	slices.Reverse(out)
	return out, nil
}

func suspect(r weir.Regression, position int) bool {
	return position >= r.Suspects.First && position <= r.Suspects.Last
}

// badSpec reads what the worker was told at the bad end; zero if a search was
// asked by hand at revisions of which there is no bad build yet.
func badSpec(ctx context.Context, s Store, d Detail) (weir.Spec, error) {
	bad := d.Regression.Bad.Build
	for _, p := range d.Probes {
		if bad == 0 && p.Bad > 0 {
			bad = p.Build
		}
	}
	if bad == 0 {
		return weir.Spec{}, nil
	}
	return s.BuildSpec(ctx, bad)
}

// source finds where the revisions of the culprit's project come from, by what a
// worker was told that built it.
func source(ctx context.Context, s Store, d Detail) (weir.Source, error) {
	project := d.Regression.Culprit.Project
	switch project {
	case "":
		return weir.Source{}, nil
	case d.Spec.Project:
		return d.Spec.Source, nil
	}
	builds, err := s.ListBuilds(ctx, store.BuildFilter{Project: project, Limit: 1})
	if err != nil || len(builds) == 0 {
		return weir.Source{}, err
	}
	spec, err := s.BuildSpec(ctx, builds[0].ID)
	if weir.CodeOf(err) == weir.NotFound {
		return weir.Source{}, nil
	}
	return spec.Source, err
}
