package triage

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/store"
)

// turnOf finds where a test last turned from good to bad; nil if that is not
// known. A change that turned out to be a flake is none.
func turnOf(past store.TestHistory) *store.TestEvent {
	for i, e := range past.Events {
		flaked := past.State != nil && past.State.LastFlake == e.Build
		if e.Change.Verdict.Worse() && e.Change.From.Good() && !flaked && len(e.Pins) > 0 && len(e.Before) > 0 {
			return &past.Events[i]
		}
	}
	return nil
}

// ends finds the two revisions between which is searched.
func (q quest) ends(ctx context.Context, of trail.Branch, turn *store.TestEvent) (good, bad weir.Revision, err error) {
	if q.ask.Good == "" && q.ask.Bad == "" && turn.Before[of.Project] == turn.Pins[of.Project] {
		var moved []string
		for _, name := range q.projects() {
			if turn.Before[name] != turn.Pins[name] {
				moved = append(moved, name)
			}
		}
		e := weir.Errorf(weir.Conflict, "%s did not move when %.200q turned bad in build %d", of.Project, q.ask.Test.String(), turn.Build)
		if len(moved) == 0 {
			return good, bad, e.WithHint("nothing did: name two revisions with --good and --bad")
		}
		return good, bad, e.WithHint("these did: %s; choose one with --of, or name two revisions with --good and --bad", some(moved))
	}
	if good, err = q.end(ctx, of, q.ask.Good, turn, false); err != nil {
		return good, bad, err
	}
	if bad, err = q.end(ctx, of, q.ask.Bad, turn, true); err != nil {
		return good, bad, err
	}
	switch {
	case good.Position == bad.Position:
		return good, bad, weir.Errorf(weir.Invalid, "the good and the bad revision of %s are both %s", of.Project, good.Short()).
			WithHint("name two, the good one before the bad one")
	case good.Position > bad.Position:
		return good, bad, weir.Errorf(weir.Invalid, "%s %s comes before %s, which is said to be good", of.Project, bad.Short(), good.Short()).
			WithHint("is it the other way round? which revision mended a regression is asked with: weir bisect --fix rN")
	case bad.Position-good.Position > maxSteps:
		return good, bad, weir.Errorf(weir.TooLarge, "%d revisions of %s lie between %s and %s, allowed are %d", bad.Position-good.Position,
			of.Project, good.Short(), bad.Short(), maxSteps).WithHint("name two that lie closer together")
	}
	return good, bad, nil
}

// end finds the revision at one end: the one that is named, or the one that the
// test's history knows.
func (q quest) end(ctx context.Context, of trail.Branch, text string, turn *store.TestEvent, bad bool) (weir.Revision, error) {
	if text != "" {
		return q.revision(ctx, of, text)
	}
	pins, flag := turn.Before, "--good"
	if bad {
		pins, flag = turn.Pins, "--bad"
	}
	rev, err := q.store.Revision(ctx, of.Project, of.Branch, pins[of.Project])
	if weir.CodeOf(err) == weir.NotFound {
		return rev, weir.Errorf(weir.Conflict, "the history of %.200q leads to a revision of %s that is not on its branch now", q.ask.Test.String(), of.Project).
			WithHint("name one with %s REV", flag)
	}
	return rev, err
}

const (
	// fewLetters is how many letters of a commit are too few to name it.
	fewLetters = 3
	// mostLike is how many revisions are named if several are meant.
	mostLike = 5
)

// revision finds the one revision that is meant by a whole id, by the beginning
// of one, or by a version with or without its v.
func (q quest) revision(ctx context.Context, of trail.Branch, text string) (weir.Revision, error) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > maxName || strings.ContainsFunc(text, unicode.IsControl) {
		return weir.Revision{}, weir.Errorf(weir.Invalid, "%.80q is no revision of %s", text, of.Project)
	}
	for _, form := range []string{text, "v" + text, strings.ToLower(text)} {
		like, err := q.store.RevisionsLike(ctx, of.Project, of.Branch, form, mostLike+1)
		switch {
		case err != nil:
			return weir.Revision{}, err
		case len(like) == 0:
			continue
		case like[0].ID == form:
			return like[0], nil
		case len(like) == 1 && (len(form) > fewLetters || like[0].Short() == like[0].ID):
			return like[0], nil
		}
		var all []string
		for _, rev := range like[:min(len(like), mostLike)] {
			all = append(all, rev.Short())
		}
		if len(like) > mostLike {
			all = append(all, "and more")
		}
		return weir.Revision{}, weir.Errorf(weir.Conflict, "%.80q is too short to name one revision of %s: %s", text, of.Project, strings.Join(all, ", ")).
			WithHint("write more of it")
	}
	return weir.Revision{}, weir.Errorf(weir.NotFound, "%s has no revision %.80q that this farm knows", of.Project, text).
		WithHint("name a commit of the branch that the farm watches, or a version, as it is on the page of a build")
}

// base is where all projects stand, before anybody pins one.
func (q quest) base(ctx context.Context, turn *store.TestEvent, past store.TestHistory) (weir.Pins, error) {
	if q.ask.Bad == "" {
		return turn.Pins, nil
	}
	if past.Last.Build == 0 {
		return weir.Pins{}, nil
	}
	b, err := q.store.Build(ctx, past.Last.Build)
	if weir.CodeOf(err) == weir.NotFound { // it is not kept any more
		return weir.Pins{}, nil
	}
	return b.Pins, err
}

// surroundings pins the projects that stand still.
func (q quest) surroundings(ctx context.Context, base weir.Pins) (weir.Pins, error) {
	base = with(base.Only(q.projects()), q.ask.Of, "")
	for project, text := range q.ask.At {
		of, ok := q.branch(project)
		switch {
		case project == q.ask.Of:
			return nil, weir.Errorf(weir.Invalid, "%s is searched, and cannot be pinned", project).WithHint("its ends are --good and --bad")
		case !ok:
			return nil, weir.Errorf(weir.NotFound, "%.80q cannot be pinned: %s does not stand on it", project, q.builder.Name()).
				WithHint("its builds stand on: %s", some(q.projects()))
		}
		rev, err := q.revision(ctx, of, text)
		if err != nil {
			return nil, err
		}
		base[project] = rev.ID
	}
	for _, name := range q.projects() {
		if base[name] == "" && name != q.ask.Of {
			return nil, weir.Errorf(weir.Conflict, "it is not known where %s should stand", name).WithHint("pin it with --at %s=REV", name)
		}
	}
	return base, nil
}

// lookedThrough is how many of a builder's newest builds are looked through for
// those at the ends.
const lookedThrough = 2000

// builds finds builds with these pins that say something, 0 for those that
// there are not: the newest on the builder's line, or else the newest.
func (q quest) builds(ctx context.Context, good, bad weir.Pins) (atGood, atBad weir.BuildID, err error) {
	keys := []string{good.Key(), bad.Key()}
	found, onLine := []weir.BuildID{0, 0}, []bool{false, false}
	before := weir.BuildID(0)
	const page = 500
	for range lookedThrough / page {
		list, err := q.store.ListBuilds(ctx, store.BuildFilter{Builder: q.builder.ID, Before: before, Limit: page})
		if err != nil {
			return 0, 0, err
		}
		for _, b := range list {
			before = b.ID
			i := slices.Index(keys, b.Pins.Key())
			if i < 0 || !b.State.Final() || !b.Outcome.SaysSomething() {
				continue
			}
			if line := b.Cause.Advances(); found[i] == 0 || line && !onLine[i] {
				found[i], onLine[i] = b.ID, line
			}
		}
		if len(list) < page || onLine[0] && onLine[1] {
			break
		}
	}
	return found[0], found[1], nil
}
