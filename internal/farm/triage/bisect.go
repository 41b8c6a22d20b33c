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

// Ask is a wish to know which revision of a project made a test bad.
type Ask struct {
	weir.Word               // who wants to know, and why; At is ignored
	Project   string        // whose test it is
	Test      weir.TestID   // as the farm reports it
	Job       string        // empty: the only one that has it
	Platform  weir.Platform // empty: the only one it runs on
	Builder   string        // the name of a builder; empty: the only one that fits
	// Of is the project whose revisions are searched; empty: Project.
	Of string
	// Good and Bad are revisions of Of: whole ids, the beginning of one, or
	// versions. Empty: where the test's history turns from good to bad.
	Good, Bad string
	// At pins other projects. Those that are not named stand where the builder's
	// newest settled build has them; or, if Bad is empty, the first bad build.
	At map[string]string
}

// Asked is the search that came of a wish.
type Asked struct {
	Search weir.Regression `json:"search"`
	// New is false if the same was being searched already.
	New bool `json:"new"`
}

// maxSteps bounds the revisions of a search that is started by hand.
const maxSteps = 50_000

// Bisect starts a search by hand. NotFound if there is no such project, test or
// revision; Conflict if more than one fits, or nothing is known that would be
// needed; Invalid if there is nothing between the two revisions.
func (d *Desk) Bisect(ctx context.Context, ask Ask) (Asked, error) {
	if err := ask.check(); err != nil {
		return Asked{}, err
	}
	c := d.config()
	b, err := d.builder(ctx, c, ask)
	if err != nil {
		return Asked{}, err
	}
	if ask.Of == "" {
		ask.Of = ask.Project
	}
	q := quest{Desk: d, ask: ask, builder: b, involved: c.Involved(b.ID)}
	r, err := q.regression(ctx)
	if err != nil {
		return Asked{}, err
	}
	if same, err := q.same(ctx, r); err != nil || same.ID != 0 {
		return Asked{Search: same}, err
	}
	return d.open(ctx, r)
}

// open opens a search.
func (d *Desk) open(ctx context.Context, r weir.Regression) (Asked, error) {
	r.State, r.Opened, r.Updated, r.Note = weir.Searching, d.now(), d.now(), "looking for the revision"
	r.Asked.At = r.Opened
	r.Suspects = weir.Span{First: 1, Last: weir.Steps(r.Path)}
	id, err := d.store.Ask(ctx, r)
	if err != nil {
		return Asked{}, err
	}
	d.stir()
	search, err := d.store.Regression(ctx, id)
	return Asked{Search: search, New: true}, err
}

// check is Invalid if nobody could mean that.
func (ask Ask) check() error {
	for _, field := range []struct{ what, text string }{{"the project", ask.Project}, {"the suite", ask.Test.Suite}, {"the test", ask.Test.Name},
		{"the job", ask.Job}, {"the platform", string(ask.Platform)}, {"the builder", ask.Builder}, {"the upstream", ask.Of},
		{"the good revision", ask.Good}, {"the bad revision", ask.Bad}} {
		if len(field.text) > maxName || strings.ContainsFunc(field.text, unicode.IsControl) {
			return weir.Errorf(weir.Invalid, "%s must be one line of at most %d bytes", field.what, maxName)
		}
	}
	if ask.Test.Name == "" {
		return weir.Errorf(weir.Invalid, "no test is named")
	}
	if ask.Platform != "" && !ask.Platform.Valid() {
		return weir.Errorf(weir.Invalid, "%.80q is not a platform", string(ask.Platform)).WithHint("it looks like linux/amd64")
	}
	if len(ask.At) > MaxPins {
		return weir.Errorf(weir.Invalid, "%d projects are pinned, allowed are %d", len(ask.At), MaxPins)
	}
	return checkWord(ask.Word)
}

// builder finds the one builder that is meant.
func (d *Desk) builder(ctx context.Context, c Config, ask Ask) (weir.Builder, error) {
	var none weir.Builder
	if !c.Known(ask.Project) {
		return none, weir.Errorf(weir.NotFound, "there is no project %.80q in this farm", ask.Project).
			WithHint("weir status lists those that there are")
	}
	all, err := d.store.KnownOn(ctx, ask.Project, "", ask.Test)
	if err != nil {
		return none, err
	}
	if len(all) == 0 {
		return none, weir.Errorf(weir.NotFound, "no builder of %s knows a test %.200q", ask.Project, ask.Test.String()).
			WithHint("a test is named as on the page of a build, its suite apart: weir history finds it the same way")
	}
	known := slices.DeleteFunc(slices.Clone(all), func(b weir.Builder) bool { return len(c.Involved(b.ID)) == 0 })
	if len(known) == 0 {
		return none, weir.Errorf(weir.Conflict, "none of the builders that know %.200q is in the configuration any more: %s",
			ask.Test.String(), some(names(all))).WithHint("nobody can be asked")
	}
	fit := slices.DeleteFunc(slices.Clone(known), func(b weir.Builder) bool {
		return ask.Job != "" && b.Job != ask.Job || ask.Platform != "" && b.Platform != ask.Platform || ask.Builder != "" && b.Name() != ask.Builder
	})
	switch len(fit) {
	case 1:
		return fit[0], nil
	case 0:
		return none, weir.Errorf(weir.NotFound, "no builder like that knows %.200q", ask.Test.String()).
			WithHint("these do: %s", some(names(known)))
	}
	return none, weir.Errorf(weir.Conflict, "%d builders know %.200q: %s", len(fit), ask.Test.String(), some(names(fit))).
		WithHint("choose one with --platform, --job or --builder")
}

func names(list []weir.Builder) []string {
	out := make([]string, len(list))
	for i, b := range list {
		out[i] = b.Name()
	}
	return out
}

// quest is what is known of an ask.
type quest struct {
	*Desk
	ask      Ask
	builder  weir.Builder
	involved []trail.Branch
}

// same finds a search that goes on already and asks the same; zero if none does.
func (q quest) same(ctx context.Context, r weir.Regression) (weir.Regression, error) {
	open, err := q.store.Regressions(ctx, store.RegressionFilter{Aims: []weir.Aim{weir.AimAsked},
		States: []weir.RegressionState{weir.Searching}, Builder: q.builder.ID})
	for _, o := range open {
		if slices.Equal(o.Path, r.Path) && o.Bad.Pins.Key() == r.Bad.Pins.Key() &&
			slices.ContainsFunc(o.Victims, func(v weir.Victim) bool { return v.Test == q.ask.Test && v.Verdict == r.Victims[0].Verdict }) {
			return o, nil
		}
	}
	return weir.Regression{}, err
}

// branch finds the branch of an involved project.
func (q quest) branch(project string) (trail.Branch, bool) {
	i := slices.IndexFunc(q.involved, func(b trail.Branch) bool { return b.Project == project })
	if i < 0 {
		return trail.Branch{}, false
	}
	return q.involved[i], true
}

func (q quest) projects() []string {
	var out []string
	for _, b := range q.involved {
		out = append(out, b.Project)
	}
	return out
}

// regression puts the search together.
func (q quest) regression(ctx context.Context) (r weir.Regression, err error) {
	of, ok := q.branch(q.ask.Of)
	if !ok {
		return r, weir.Errorf(weir.NotFound, "%.80q is neither %s nor upstream of %s", q.ask.Of, q.ask.Project, q.builder.Name()).
			WithHint("its builds stand on: %s", some(q.projects()))
	}
	past, err := q.store.History(ctx, q.builder.ID, q.ask.Test, store.DetailedHistory)
	if err != nil {
		return r, err
	}
	turn := turnOf(past)
	if (q.ask.Good == "" || q.ask.Bad == "") && turn == nil {
		return r, weir.Errorf(weir.Conflict, "the history of %.200q on %s does not say where it turned bad", q.ask.Test.String(), q.builder.Name()).
			WithHint("name two revisions of %s: --good REV --bad REV", of.Project)
	}
	good, bad, err := q.ends(ctx, of, turn)
	if err != nil {
		return r, err
	}
	base, err := q.base(ctx, turn, past)
	if err != nil {
		return r, err
	}
	if base, err = q.surroundings(ctx, base); err != nil {
		return r, err
	}
	r = weir.Regression{Builder: q.builder, Aim: weir.AimAsked, Asked: q.ask.Word, Victims: []weir.Victim{q.victim(turn, past)},
		Path: []weir.Leg{{Project: of.Project, Branch: of.Branch, From: good.Position, To: bad.Position}}}
	r.Good.Pins, r.Bad.Pins = with(base, of.Project, good.ID), with(base, of.Project, bad.ID)
	r.Good.Build, r.Bad.Build, err = q.builds(ctx, r.Good.Pins, r.Bad.Pins)
	return r, err
}

// victim is the test, as it was or is bad.
func (q quest) victim(turn *store.TestEvent, past store.TestHistory) weir.Victim {
	v := weir.Victim{Builder: q.builder, Test: q.ask.Test, Verdict: weir.NewlyFailing}
	if turn != nil && q.ask.Bad == "" {
		v.Verdict, v.Cause, v.Message, v.Signature, v.Build = turn.Change.Verdict, turn.Change.Cause, turn.Change.Message, turn.Change.Signature, turn.Build
		return v
	}
	if past.State == nil {
		return v
	}
	if !past.State.Status.Good() {
		v.Build = past.State.Since
	}
	switch s := past.State.Status; {
	case s.Bad():
		v.Signature, _, _ = strings.Cut(past.State.Signature, " ")
	case s == weir.Skip:
		v.Verdict = weir.NewlySkipped
	case s == weir.Absent:
		v.Verdict, v.Cause = weir.Vanished, past.State.Cause
	}
	return v
}

func with(p weir.Pins, project, revision string) weir.Pins {
	out := weir.Pins{}
	for name, rev := range p {
		out[name] = rev
	}
	out[project] = revision
	return out
}
