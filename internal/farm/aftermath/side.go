package aftermath

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
	"github.com/weir-ci/weir/internal/store"
)

// History is followed along first parents, so all that a merge brought in is one
// revision there. If that is the culprit, the line that it merged is searched as
// well, with everything else as it is at the merge: from the commit at which the
// line forked off, which is in front of the merge, to its end. Of what that line
// has merged itself the same holds.

// deepest is how many merges in each other are looked into.
const deepest = 5

// descend looks into the merges that are culprits.
func (a *Aftermath) descend(ctx context.Context, open []weir.Regression) (changed bool) {
	for _, r := range open {
		if r.State != weir.Located || r.Culprit.Merge != "" || a.descended[r.ID].Equal(r.Updated) {
			continue
		}
		moved, done, err := a.descendOne(ctx, r)
		if err != nil {
			a.Log.Error("a merge cannot be looked into", "regression", r.ID, "err", err)
		}
		if done {
			a.descended[r.ID] = r.Updated
		}
		changed = changed || moved
	}
	return changed
}

// descendOne takes the next step for one regression, and tells whether it was the last.
func (a *Aftermath) descendOne(ctx context.Context, r weir.Regression) (moved, done bool, err error) {
	at, says, last := r, "", weir.RegressionID(0) // the deepest culprit, and what was found behind it
	for depth := 0; depth < deepest && says == ""; depth++ {
		s, err := a.sideOf(ctx, at)
		if err != nil {
			return false, false, err
		}
		if s == nil {
			asked, why, err := a.askSide(ctx, at)
			if err != nil || asked {
				return asked, false, err
			}
			says = why
			break
		}
		last = s.ID
		switch s.State {
		case weir.Searching:
			return false, false, nil
		case weir.Located:
			at = *s
		default:
			says = s.Note
		}
	}
	if at.ID == r.ID && says == "" {
		return false, true, nil // no merge
	}
	told := ""
	if at.ID != r.ID {
		merge := r.Culprit.Revision
		r.Culprit.Merge, r.Culprit.Revision = merge.ID, at.Culprit.Revision
		r.Culprit.Revision.Position = 0     // it has none on the branch
		r.Checks.Reverted = weir.Reversal{} // it was about the merge
		r.Culprit.Confidence = min(r.Culprit.Confidence, at.Culprit.Confidence)
		told = fmt.Sprintf("; it is %s %s, merged with %s: bad at it and good right before it, on the merged line",
			r.Culprit.Project, r.Culprit.Revision.Short(), merge.Short())
	}
	if at.ID != r.ID && slices.ContainsFunc(r.Victims, func(v weir.Victim) bool { return v.Builder.ID != at.Builder.ID }) {
		told += fmt.Sprintf(", as far as the tests of %s show: those of others may be another commit's of that line", at.Builder.Name())
	}
	if says != "" {
		told += "; " + says
	}
	if last != 0 {
		told += fmt.Sprintf(" (regression %d)", last)
	}
	if strings.Contains(r.Note, told) {
		return false, true, nil
	}
	r.Note += told
	grounds, err := a.sideGrounds(ctx, last)
	if err != nil {
		return false, false, err
	}
	moved, err = a.relabel(ctx, r, grounds)
	return moved, moved, err
}

func (a *Aftermath) sideGrounds(ctx context.Context, id weir.RegressionID) ([]weir.BuildID, error) {
	if id == 0 {
		return nil, nil
	}
	s, err := a.Store.Regression(ctx, id)
	if err != nil {
		return nil, err
	}
	probes, err := a.Store.Probes(ctx, id)
	return edges(s.Suspects, probes), err
}

// sideOf finds the search of the line that a regression's culprit merged; nil if
// there is none since it was last bad. One that was opened again may have had
// another culprit before.
func (a *Aftermath) sideOf(ctx context.Context, r weir.Regression) (*weir.Regression, error) {
	all, err := a.Store.Regressions(ctx, store.RegressionFilter{Of: r.ID})
	var first *weir.Regression // of those that a search split into, the one that was asked for
	for i, s := range all {
		if s.Aim == weir.AimSide && s.Bad.Build == r.Bad.Build &&
			slices.ContainsFunc(s.Path, func(l weir.Leg) bool { return strings.HasSuffix(l.Branch, "^"+r.Culprit.Revision.ID) }) {
			first = &all[i]
		}
	}
	return first, err
}

// askSide has the line searched that a culprit merged. If it does not, why says
// so; there is nothing to say if it is no merge.
func (a *Aftermath) askSide(ctx context.Context, r weir.Regression) (asked bool, why string, err error) {
	project, merge := r.Culprit.Project, r.Culprit.Revision
	lines, err := a.lines(ctx, project, merge)
	switch code := weir.CodeOf(err); {
	case code == weir.NotFound, code == weir.Invalid, code == weir.Unsupported, code == weir.TooLarge:
		return false, "what it merged cannot be searched: " + err.Error(), nil
	case err != nil || len(lines) == 0:
		return false, "", err
	case len(lines) > 1:
		return false, fmt.Sprintf("it merged %d lines at once, which are not searched", len(lines)), nil
	}
	line := lines[0]
	s := weir.Regression{State: weir.Searching, Aim: weir.AimSide, Of: r.ID, Builder: r.Builder, Opened: a.Now(),
		Bad: weir.Evidence{Build: r.Bad.Build, Pins: maps.Clone(r.Bad.Pins)}, Good: weir.Evidence{Pins: maps.Clone(r.Bad.Pins)},
		Suspects: weir.Span{First: 1, Last: len(line) - 1}, Note: "looking for the commit that was merged with " + merge.Short()}
	branch, behind := "", false
	for _, l := range r.Path {
		if behind { // it has not moved yet where the culprit is
			s.Bad.Pins[l.Project], s.Good.Pins[l.Project] = r.Good.Pins[l.Project], r.Good.Pins[l.Project]
		}
		if l.Project == project {
			branch, behind = l.Branch+"^"+merge.ID, true
		}
	}
	for _, v := range r.Victims {
		if v.Builder.ID == r.Builder.ID {
			s.Victims = append(s.Victims, v)
		}
	}
	if !behind || len(s.Victims) == 0 || len(line) < 2 {
		return false, "", nil
	}
	if err := a.Store.RecordSide(ctx, store.Side{Project: project, Branch: branch, Revisions: line}); err != nil {
		return false, "", err
	}
	s.Good.Pins[project], s.Bad.Pins[project] = line[0].ID, line[len(line)-1].ID
	s.Path = []weir.Leg{{Project: project, Branch: branch, From: 1, To: int64(len(line))}}
	_, err = a.Store.Ask(ctx, s)
	return err == nil, "", err
}

// lineTimeout ends one look behind a merge. The source's mirror may be busy.
const lineTimeout = 5 * time.Minute

// lines lists the lines of revisions that a merge brought in, each from the
// revision on at which it forked off; none if the revision is no merge.
func (a *Aftermath) lines(ctx context.Context, project string, merge weir.Revision) ([][]weir.Revision, error) {
	src, known := a.Config().SourceOf(project)
	lister, ok := a.Sources.(source.MergeLister)
	if !known || !ok {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lineTimeout)
	defer cancel()
	sides, err := lister.Merged(ctx, src, merge.ID)
	var lines [][]weir.Revision
	for _, s := range sides {
		if s.More {
			return nil, weir.Errorf(weir.TooLarge, "%s brought in more than %d commits", merge.Short(), source.MaxRevisions)
		}
		lines = append(lines, s.Revisions)
	}
	return lines, err
}
