package farm

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/dossier"
	"github.com/weir-ci/weir/internal/farm/setcache"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/farm/trail"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

// Overview is what the front page and `weir status` show: what needs somebody
// first, then what runs, then the rest.
type Overview struct {
	Name        string             `json:"name"`
	At          time.Time          `json:"at"`
	Regressions []weir.Regression  `json:"regressions"` // open ones, newest first, at most 200
	Recent      []weir.Regression  `json:"recent"`      // closed lately, newest first
	Running     []weir.Build       `json:"running"`     // leased or running, newest first
	Queue       map[weir.State]int `json:"queue"`
	// Waiting are the builds of the queue that have waited longest, at most 20, and why.
	Waiting  []waits.Build  `json:"waiting,omitempty"`
	Doubted  int            `json:"doubted"` // builds that run again because something is newly bad
	Builders []BuilderRow   `json:"builders"`
	Workers  []weir.Worker  `json:"workers"`
	Sources  []SourceStatus `json:"sources"`
	Config   setup.Status   `json:"config"` // what the farm was told to do
	// Open is how many regressions are open in all, BadTests how many tests they have
	// made bad, on each builder.
	Open     int `json:"open"`
	BadTests int `json:"bad_tests"`
}

// BuilderRow is one builder with its newest builds.
type BuilderRow struct {
	Builder weir.Builder `json:"builder"`
	Recent  []weir.Build `json:"recent"` // newest first
}

// SourceStatus is a project's source and whether it answers.
type SourceStatus struct {
	Project string        `json:"project"`
	Tip     weir.Revision `json:"tip"`
	Polled  time.Time     `json:"polled,omitzero"`
	Error   string        `json:"error,omitempty"`
}

// waitingShown is how many of those that wait the overview lists.
const waitingShown = 20

// closedShown is how many of those regressions the overview lists that were closed lately.
const closedShown = 10

// recentBuilds is how many builds of a builder the overview shows.
const recentBuilds = 12

// Overview reads the state of the whole farm. It reads in the order in which
// work moves, from builds to doubts to searches, so that what moves on while it
// reads is seen at least once: a farm that looks idle is idle.
func (f *Farm) Overview(ctx context.Context) (Overview, error) {
	heads, err := f.store.BuilderHeads(ctx, recentBuilds)
	if err != nil {
		return Overview{}, err
	}
	o, err := f.Front(ctx)
	for _, h := range heads {
		o.Builders = append(o.Builders, BuilderRow(h))
	}
	if err == nil && o.Queue[weir.Queued]+o.Queue[weir.Blocked] > 0 {
		o.Waiting, err = f.waits.Queue(ctx, waitingShown)
	}
	return o, err
}

// Front reads what Overview does without the builders, and without why what waits does:
// what needs somebody, and what runs.
func (f *Farm) Front(ctx context.Context) (Overview, error) {
	o := Overview{Name: f.config.Load().Name, At: f.now(), Config: f.Setup()}
	var err error
	if o.Queue, err = f.store.QueueDepth(ctx); err != nil {
		return o, err
	}
	if o.Running, err = f.store.ListBuilds(ctx, store.BuildFilter{
		States: []weir.State{weir.Leased, weir.Running}, Limit: 200}); err != nil {
		return o, err
	}
	doubts, err := f.store.Doubted(ctx)
	if err != nil {
		return o, err
	}
	o.Doubted = len(doubts)
	cases, err := f.cases.Cases(ctx)
	if err != nil {
		return o, err
	}
	o.Open, o.BadTests = cases.All.Regressions, cases.All.Tests
	o.Regressions, o.Recent = slices.Clone(cases.Open), slices.Clone(cases.Closed[:min(len(cases.Closed), closedShown)])
	if o.Workers, err = f.store.Workers(ctx); err != nil {
		return o, err
	}
	for i := range o.Workers {
		o.Workers[i].Owner = "" // a mail address is nobody's business who just looks
	}
	o.Sources, err = f.sources(ctx)
	return o, err
}

func (f *Farm) sources(ctx context.Context) ([]SourceStatus, error) {
	polled, err := f.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	tips, err := f.tips(ctx)
	if err != nil {
		return nil, err
	}
	var out []SourceStatus
	c := f.config.Load()
	for _, s := range polled {
		if p := c.project(s.Project); p != nil && s.Branch != p.Source.Branch && !c.builds(s.Project, s.Branch) {
			continue // a branch that is gone, or is not followed any more
		}
		out = append(out, SourceStatus{Project: s.Project, Polled: s.Polled, Error: s.Error,
			Tip: tips[sourceKey{Project: s.Project, Branch: s.Branch}].Revision})
	}
	return out, nil
}

// BuildDetail is everything about one build except its results and logs.
type BuildDetail struct {
	Build    weir.Build        `json:"build"`
	Run      weir.Run          `json:"run"`
	Spec     weir.Spec         `json:"spec"`
	Attempts []AttemptDetail   `json:"attempts"` // oldest first
	Changes  []weir.TestChange `json:"changes"`  // tests whose verdict is not "same", worst first; a page of them
	// From is how many changes stand before those, and More says that there are some behind them.
	From int  `json:"changes_from,omitempty"`
	More bool `json:"more_changes,omitempty"`
	// First says that the builder had no settled build before: there was nothing
	// to compare with. Otherwise a settled build was held against Against.
	First   bool         `json:"first,omitempty"`
	Against weir.BuildID `json:"against,omitempty"`
	// Repeats ran it again at the same revisions, because of what was newly bad; newest first.
	Repeats []weir.Build `json:"repeats,omitempty"`
	// Hidden lists tests that do not run though they should, by cause, at most
	// 200. It is empty unless the build is the newest settled one of its builder.
	Hidden []weir.TestState `json:"hidden,omitempty"`
	Needs  []weir.Build     `json:"needs,omitempty"`
	// Waits says why it waits; nil if it does not.
	Waits *schedule.Wait `json:"waits,omitempty"`
	// Regressions that have a victim on this builder and are open.
	Regressions []weir.Regression `json:"regressions,omitempty"`
}

// AttemptDetail is an attempt and its steps.
type AttemptDetail struct {
	weir.Attempt
	Steps []StepDetail `json:"steps"`
}

// StepDetail is a step and the size of its log.
type StepDetail struct {
	weir.StepRecord
	LogBytes int64 `json:"log_bytes"`
	LogLines int64 `json:"log_lines"`
}

// changesPage is how many changes are read at once. A first build has one for
// each of its tests.
const changesPage = 200

// Build reads a build; NotFound if there is none.
func (f *Farm) Build(ctx context.Context, id weir.BuildID) (BuildDetail, error) {
	return f.BuildFrom(ctx, id, 0)
}

// BuildFrom reads a build, with the changes behind the first so many;
// NotFound if there is none.
func (f *Farm) BuildFrom(ctx context.Context, id weir.BuildID, from int) (BuildDetail, error) {
	d := BuildDetail{From: from}
	var err error
	if d.Build, err = f.store.Build(ctx, id); err != nil {
		return d, err
	}
	if d.Run, err = f.store.Run(ctx, d.Build.Run); err != nil {
		return d, err
	}
	if d.Spec, err = f.store.BuildSpec(ctx, id); err != nil {
		return d, err
	}
	attempts, err := f.store.Attempts(ctx, id)
	if err != nil {
		return d, err
	}
	for _, a := range attempts {
		detail, err := f.attempt(ctx, a)
		if err != nil {
			return d, err
		}
		d.Attempts = append(d.Attempts, detail)
	}
	if d.Changes, err = f.store.BuildChanges(ctx, id, from, changesPage+1); err != nil {
		return d, err
	}
	if d.More = len(d.Changes) > changesPage; d.More {
		d.Changes = d.Changes[:changesPage]
	}
	if d.First, d.Against, err = f.against(ctx, d.Build); err != nil {
		return d, err
	}
	if d.Repeats, err = f.store.ListBuilds(ctx, store.BuildFilter{RetryOf: id}); err != nil {
		return d, err
	}
	if d.Hidden, err = f.hidden(ctx, d.Build); err != nil {
		return d, err
	}
	needs, err := f.store.Needs(ctx, id)
	if err != nil {
		return d, err
	}
	for _, n := range needs {
		b, err := f.store.Build(ctx, n)
		if err != nil {
			return d, err
		}
		d.Needs = append(d.Needs, b)
	}
	if d.Waits, err = f.waits.Of(ctx, d.Build); err != nil {
		return d, err
	}
	d.Regressions, err = f.store.Regressions(ctx, store.RegressionFilter{
		Builder: d.Build.Builder.ID,
		States:  []weir.RegressionState{weir.Searching, weir.Located, weir.Narrowed}})
	return d, err
}

// against finds the settled build that a settled one was held against, or that
// it was the first of its builder.
func (f *Farm) against(ctx context.Context, b weir.Build) (first bool, id weir.BuildID, err error) {
	if b.Judgement != weir.Settled || !b.Cause.Advances() {
		return false, 0, nil
	}
	err = trail.Trail{Store: f.store}.Back(ctx, b, func(e weir.Build) (bool, error) {
		id = e.ID
		return false, nil
	})
	return id == 0, id, err
}

func (f *Farm) attempt(ctx context.Context, a weir.Attempt) (AttemptDetail, error) {
	d := AttemptDetail{Attempt: a}
	steps, err := f.store.Steps(ctx, a.ID)
	if err != nil {
		return d, err
	}
	sizes, err := f.store.LogSizes(ctx, a.ID)
	if err != nil {
		return d, err
	}
	for _, s := range steps {
		step := StepDetail{StepRecord: s}
		for _, size := range sizes {
			if size.Step == s.Index {
				step.LogBytes, step.LogLines = size.Bytes, size.Lines
			}
		}
		d.Steps = append(d.Steps, step)
	}
	return d, nil
}

// BuildQuery narrows a list of builds; the zero value lists the newest ones.
type BuildQuery struct {
	Project string
	Run     weir.RunID
	Builder weir.BuilderID
	States  []weir.State // empty: all
	Before  weir.BuildID // only ids below this one; 0: all
	Limit   int          // 0: 100; at most 1,000
}

// Builds lists builds, newest first.
func (f *Farm) Builds(ctx context.Context, q BuildQuery) ([]weir.Build, error) {
	return f.store.ListBuilds(ctx, store.BuildFilter{Project: q.Project, Run: q.Run,
		Builder: q.Builder, States: q.States, Before: q.Before, Limit: q.Limit})
}

// RegressionDetail is a regression and the evidence it rests on.
type RegressionDetail = dossier.Detail

// PathPoint is one position of a regression's path.
type PathPoint = dossier.PathPoint

// Regression reads one; NotFound if there is none.
func (f *Farm) Regression(ctx context.Context, id weir.RegressionID) (RegressionDetail, error) {
	return dossier.Read(ctx, f.store, id)
}

// Tests is what the tests of a build reported, or a part of it: bad results
// first, then those with mixed outcomes, then the others if they were asked for.
type Tests struct {
	Counts    weir.Counts // of all results, not only those listed
	Results   []weir.Result
	Incidents []weir.Incident
	Omitted   int // how many of the results asked for are over the limit
}

// Tests reads what the tests of a build reported, the bad ones or all, at most
// limit of them; NotFound if they reported nothing.
func (f *Farm) Tests(ctx context.Context, id weir.BuildID, all bool, limit int) (Tests, error) {
	b, err := f.store.Build(ctx, id)
	if err != nil {
		return Tests{}, err
	}
	if b.Results == "" {
		return Tests{}, weir.Errorf(weir.NotFound, "build %d has no test results", id).
			WithHint("its log says why: weir logs %d", id)
	}
	part, err := f.resultPart(ctx, setcache.PartKey{Set: b.Results, All: all, Limit: limit})
	return Tests{Counts: b.Counts, Results: part.Results, Incidents: part.Incidents, Omitted: part.Omitted}, err
}

// Latest finds the newest attempt of a build; NotFound if it never ran.
func (f *Farm) Latest(ctx context.Context, id weir.BuildID) (weir.AttemptID, error) {
	b, err := f.store.Build(ctx, id)
	if err != nil {
		return weir.AttemptID{}, err
	}
	if b.Attempts == 0 {
		return weir.AttemptID{}, weir.Errorf(weir.NotFound, "build %d has not run yet", id)
	}
	return weir.AttemptID{Build: id, Number: b.Attempts}, nil
}

// Product opens the packed product that a build made; NotFound if it made
// none. The caller closes it.
func (f *Farm) Product(ctx context.Context, id weir.BuildID) (weir.Product, io.ReadSeekCloser, error) {
	b, err := f.store.Build(ctx, id)
	if err != nil {
		return weir.Product{}, nil, err
	}
	if b.Product.Digest == "" {
		return weir.Product{}, nil, weir.Errorf(weir.NotFound, "build %d has no product", id)
	}
	content, err := f.blobs.Open(ctx, b.Product.Digest)
	if err != nil {
		return weir.Product{}, nil, err
	}
	return b.Product, content, nil
}

// Events lists what happened after the event with the given number.
func (f *Farm) Events(ctx context.Context, after int64) ([]weir.Event, error) {
	return f.store.EventsAfter(ctx, after, 1000)
}

// LastEvent is the number of the newest event.
func (f *Farm) LastEvent(ctx context.Context) (int64, error) { return f.store.LastEvent(ctx) }

// Changed returns a channel that is closed when something may have changed.
// Take it before reading, so that nothing is missed in between.
func (f *Farm) Changed() <-chan struct{} { return f.any.wait() }
