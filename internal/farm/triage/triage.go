// Package triage is what people say of regressions: that they have one in hand,
// that it is nobody's fault, that two are one, or one is two. And it starts
// searches that nobody but a person wants: which revision of an upstream made
// this test bad, or which one mended it.
//
//	who said what     Acknowledge, Assign, Dismiss, Reopen, Merge, Split  (triage.go, split.go)
//	what became of it Transitions, Searches                               (triage.go)
//	which there are   Episodes                                            (episodes.go)
//	search by hand    Bisect                                              (bisect.go, ends.go)
//	what mended it    BisectFix                                           (fix.go)
//
// Nothing a person says is lost: each verb writes who said it, and why, to the
// log of the regression. And nothing is hidden for good: an acknowledgement ends
// by itself, and what was closed can be reopened.
package triage

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/store"
)

// Limits on what a person may say.
const (
	MaxWhy    = 500 // bytes of a reason
	MaxSplit  = 1000
	MaxPins   = 100
	maxName   = 2048 // bytes of the name of a test, a revision or a builder
	mostLists = 12   // names in one message
)

// Store is what the desk asks of the store.
type Store interface {
	store.Triage
	regressions
	tests
	builds
	revisions
}

type regressions interface {
	Regression(ctx context.Context, id weir.RegressionID) (weir.Regression, error)
	Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error)
	Relabel(ctx context.Context, r weir.Regression, grounds []weir.BuildID, now time.Time) error
}

type tests interface {
	KnownOn(ctx context.Context, project, job string, test weir.TestID) ([]weir.Builder, error)
	History(ctx context.Context, builder weir.BuilderID, test weir.TestID, limit int) (store.TestHistory, error)
}

type builds interface {
	Build(ctx context.Context, id weir.BuildID) (weir.Build, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
}

type revisions interface {
	Revision(ctx context.Context, project, branch, id string) (weir.Revision, error)
	RevisionsLike(ctx context.Context, project, branch, prefix string, limit int) ([]weir.Revision, error)
}

// Config is what the farm is configured to build, at one moment.
type Config interface {
	// Known reports whether there is a project of that name.
	Known(project string) bool
	// Involved lists the projects whose revisions a builder's builds pin,
	// upstreams first; none if the builder is not in the configuration.
	Involved(id weir.BuilderID) []trail.Branch
}

// Options is what a desk is made of.
type Options struct {
	Store  Store
	Config func() Config
	Now    func() time.Time
	// Stir is called when there is something new to search.
	Stir func()
}

// Desk takes what people say. Its verbs may be called at the same time.
type Desk struct {
	store  Store
	config func() Config
	now    func() time.Time
	stir   func()
}

// New makes a desk.
func New(o Options) *Desk {
	return &Desk{store: o.Store, config: o.Config, now: o.Now, stir: o.Stir}
}

// Hold is somebody's word that they have a regression in hand, for a while or
// until a time; one of the two.
type Hold struct {
	weir.Word // At is ignored
	For       time.Duration
	Until     time.Time
}

// Acknowledge records that somebody has an open regression in hand. Invalid if
// it is not said for how long, or for more than weir.MaxAcknowledged; NotFound
// if there is no such regression, Conflict if it is closed.
func (d *Desk) Acknowledge(ctx context.Context, id weir.RegressionID, h Hold) error {
	a := weir.Acknowledgement{Word: h.Word, Until: h.Until}
	a.At = d.now()
	if h.For != 0 {
		a.Until = a.At.Add(h.For)
	}
	most := a.At.Add(weir.MaxAcknowledged)
	switch {
	case h.For == 0 && h.Until.IsZero():
		return weir.Errorf(weir.Invalid, "it is not said for how long regression %d is in hand", id).
			WithHint("say it in days or as a date, with --for 7d or --until 2026-03-21: it speaks again after that")
	case h.For != 0 && !h.Until.IsZero():
		return weir.Errorf(weir.Invalid, "it is said for how long regression %d is in hand, and until when", id).WithHint("say one of the two")
	case !a.Until.After(a.At):
		return weir.Errorf(weir.Invalid, "regression %d cannot be in hand until %s, which is over", id, a.Until.UTC().Format(time.DateOnly)).
			WithHint("to take an acknowledgement back: weir regressions unacknowledge %d", id)
	case h.For > weir.MaxAcknowledged || a.Until.After(most):
		return weir.Errorf(weir.Invalid, "regression %d cannot be in hand for more than %d days", id, int(weir.MaxAcknowledged.Hours()/24)).
			WithHint("%s is the latest; it can be acknowledged again then", most.UTC().Format(time.DateOnly))
	}
	if err := checkWord(a.Word); err != nil {
		return err
	}
	if err := d.episode(ctx, id); err != nil {
		return err
	}
	return d.store.Acknowledge(ctx, id, a)
}

// Unacknowledge takes an acknowledgement back. Conflict if there is none.
func (d *Desk) Unacknowledge(ctx context.Context, id weir.RegressionID, w weir.Word) error {
	w.At = d.now()
	if err := checkWord(w); err != nil {
		return err
	}
	r, err := d.store.Regression(ctx, id)
	if err != nil {
		return err
	}
	if r.Acknowledged.By == "" {
		return weir.Errorf(weir.Conflict, "nobody has acknowledged regression %d", id).
			WithHint("to say that you have it in hand: weir regressions acknowledge %d --for 7d", id)
	}
	return d.store.Acknowledge(ctx, id, weir.Acknowledgement{Word: w, Until: w.At})
}

// Assign says whose business an open regression is; an empty to: nobody's any more.
// Invalid if the name is not one short line, NotFound if there is no such
// regression, Conflict if it is closed, or nobody's anyway.
func (d *Desk) Assign(ctx context.Context, id weir.RegressionID, to string, w weir.Word) error {
	w.At = d.now()
	if err := checkWord(w); err != nil {
		return err
	}
	to = strings.TrimSpace(to)
	if len(to) > weir.MaxAssignee || !utf8.ValidString(to) || strings.ContainsFunc(to, unicode.IsControl) {
		return weir.Errorf(weir.Invalid, "the name of an assignee must be one line of at most %d bytes", weir.MaxAssignee).
			WithHint("write a name as people know it, for example: weir regressions assign %d ada", id)
	}
	if err := d.episode(ctx, id); err != nil {
		return err
	}
	if to == "" {
		r, err := d.store.Regression(ctx, id)
		if err != nil {
			return err
		}
		if r.Assigned.To == "" && r.State.Open() {
			return weir.Errorf(weir.Conflict, "regression %d is assigned to nobody", id).WithHint("name somebody: weir regressions assign %d NAME", id)
		}
	}
	return d.store.Assign(ctx, id, weir.Assignment{Word: w, To: to})
}

// Dismiss closes an open regression, or ends a search; why is needed. NotFound
// if there is no such regression, Conflict if it is closed already.
func (d *Desk) Dismiss(ctx context.Context, id weir.RegressionID, w weir.Word) error {
	w.At = d.now()
	if strings.TrimSpace(w.Why) == "" {
		return weir.Errorf(weir.Invalid, "it is not said why regression %d is closed", id).
			WithHint("say it with --why, for those who wonder later")
	}
	if err := checkWord(w); err != nil {
		return err
	}
	return d.store.Dismiss(ctx, id, w)
}

// Reopen searches a regression that is fixed or dismissed again. Conflict if
// it is open, or merged into another one.
func (d *Desk) Reopen(ctx context.Context, id weir.RegressionID, w weir.Word) error {
	w.At = d.now()
	if err := checkWord(w); err != nil {
		return err
	}
	if r, err := d.store.Regression(ctx, id); err != nil {
		return err
	} else if r.State.Open() {
		return weir.Errorf(weir.Conflict, "regression %d is %s, which is open", id, r.State).
			WithHint("only what is closed can be reopened; to close it: weir regressions dismiss %d --why REASON", id)
	}
	if err := d.store.Reopen(ctx, id, w); err != nil {
		return err
	}
	d.stir()
	return nil
}

// Merge hands the tests of an open regression to another open one. Conflict if
// one of them is closed, Invalid if they are the same.
func (d *Desk) Merge(ctx context.Context, id, into weir.RegressionID, w weir.Word) error {
	w.At = d.now()
	if err := checkWord(w); err != nil {
		return err
	}
	for _, i := range []weir.RegressionID{id, into} {
		if err := d.episode(ctx, i); err != nil {
			return err
		}
	}
	return d.store.Merge(ctx, id, into, w)
}

// Transitions lists what became of a regression, oldest first, at most 1,000.
func (d *Desk) Transitions(ctx context.Context, id weir.RegressionID) ([]weir.Transition, error) {
	return d.store.Transitions(ctx, id)
}

// Searches lists the searches that were made for a regression, newest first.
func (d *Desk) Searches(ctx context.Context, id weir.RegressionID) ([]weir.Regression, error) {
	return d.store.Regressions(ctx, store.RegressionFilter{Of: id})
}

// Bisections lists searches that people asked for, or that follow from a
// regression, newest first, at most 100.
func (d *Desk) Bisections(ctx context.Context) ([]weir.Regression, error) {
	return d.store.Regressions(ctx, store.RegressionFilter{Aims: []weir.Aim{weir.AimAsked, weir.AimFix, weir.AimSide}})
}

// episode is a Conflict if a regression is a search and not an open episode:
// nobody has to do anything about it.
func (d *Desk) episode(ctx context.Context, id weir.RegressionID) error {
	r, err := d.store.Regression(ctx, id)
	if err != nil || r.Aim == weir.AimBreak {
		return err
	}
	e := weir.Errorf(weir.Conflict, "%d is a search, and not a regression that somebody has to do something about", id)
	if r.Of != 0 {
		return e.WithHint("it is made for regression %d", r.Of)
	}
	return e.WithHint("to end it: weir regressions dismiss %d --why TEXT", id)
}

// checkWord is Invalid unless somebody says something short.
func checkWord(w weir.Word) error {
	if w.By == "" {
		return weir.Errorf(weir.Invalid, "it is not known who says this")
	}
	if len(w.Why) > MaxWhy || strings.ContainsFunc(w.Why, unicode.IsControl) {
		return weir.Errorf(weir.Invalid, "the reason must be one line of at most %d bytes", MaxWhy)
	}
	return nil
}

// some lists names for a message, not too many.
func some(names []string) string {
	if len(names) <= mostLists {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:mostLists], ", "), len(names)-mostLists)
}
