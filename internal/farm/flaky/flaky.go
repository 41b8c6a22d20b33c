// Package flaky says which tests are flaky, why that is believed, and what is new
// of it to the owners of their project.
//
// Nothing that it says is stored. What runs of a test did at which revisions is
// (store.Flakes), and the marks are made from that whenever somebody asks:
// package flake closes them when the test has been silent for long enough, and sets
// them again when it is not. A flaky test opens no regression by itself, and it is
// listed until its mark closes; after that among the quiet ones, for good.
//
//	flaky.go   the list
//	record.go  what is stored of a test, as package flake reads it
//	digest.go  what owners are told
package flaky

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
	"github.com/weir-ci/weir/internal/notify"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// mostListed is how many tests are listed, those that flaked last.
	mostListed = 200
	// compared is how many of a builder's newest settled builds the bad runs of its
	// tests are compared with.
	compared = 100
	// Fresh is for how long a flaky test is new.
	Fresh = 7 * 24 * time.Hour
)

// Options is what a list is made of.
type Options struct {
	Store store.Flakes
	// Past reads what a test did on a builder; how often it fails is learnt from that.
	Past func(ctx context.Context, builder weir.BuilderID, test weir.TestID) (history.History, error)
	Now  func() time.Time
	// Notices takes what owners of projects are told; nil: nobody is told. It is
	// on the log in any case.
	Notices Notices
	Log     *slog.Logger
}

// Notices takes what people are to be told. *notify.Outbox is one.
type Notices interface {
	// Add keeps a notice until it is sent.
	Add(n notify.Notice) error
}

// Lister lists flaky tests. It is safe for concurrent use.
type Lister struct {
	o    Options
	good settled
}

// New makes a lister.
func New(o Options) *Lister { return &Lister{o: o} }

// Query narrows a list.
type Query struct {
	Project string         // empty: all
	Builder weir.BuilderID // 0: all
	Test    weir.TestID    // zero: all
}

// List is the flaky tests of a project, or of all.
type List struct {
	Project string    `json:"project,omitempty"` // empty: all
	At      time.Time `json:"at"`
	// New are those whose mark was set within the last week, Open the other
	// flaky ones, both the worst first; Quiet those whose mark has closed, the last
	// closed first.
	New   []Test `json:"new"`
	Open  []Test `json:"open"`
	Quiet []Test `json:"quiet"`
	// Omitted is how many more there are, which have not flaked for longer than
	// all that are listed.
	Omitted int `json:"omitted,omitempty"`
}

// Test is a test that was good and bad at equal revisions.
type Test struct {
	Builder weir.Builder `json:"builder"`
	Test    weir.TestID  `json:"test"`
	// Status is its settled status; Hidden says that it does not run at present
	// though it should.
	Status weir.Status `json:"status"`
	Hidden bool        `json:"hidden,omitempty"`
	Mark   flake.Mark  `json:"mark"`
	Rate   Rate        `json:"rate"`
	// Seen is the evidence: the newest sets of revisions at which it was good and
	// bad, newest first, at most 10; Older is how many more are kept.
	Seen  []Sighting `json:"seen"`
	Older int        `json:"older,omitempty"`
	// Hints say what its bad runs have in common, and its good ones have not.
	Hints []Hint `json:"hints,omitempty"`

	model flake.Model
	told  flake.State
}

// Rate is how often a run of the test fails for no reason, 0 to 1, with the
// interval that holds it with 95 %, learnt from so many builds.
type Rate struct {
	Mean   float64 `json:"mean"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Flakes int     `json:"flakes"`
	Builds int     `json:"builds"`
	Says   string  `json:"says"` // for people
}

// Sighting is what runs at one set of revisions did.
type Sighting struct {
	Number int       `json:"number"` // of the builder's settled build
	At     time.Time `json:"at"`     // of the newest run
	Runs   []TestRun `json:"runs"`   // oldest first, at most 20
}

// TestRun is one run of a test.
type TestRun struct {
	Build  weir.BuildID `json:"build"`
	Bad    bool         `json:"bad"`
	Worker string       `json:"worker,omitempty"`
}

// Hint is something that separates bad runs from good ones.
type Hint struct {
	flake.Hint
	Says string `json:"says"` // for people
}

// List lists flaky tests.
func (l *Lister) List(ctx context.Context, q Query) (List, error) {
	out := List{Project: q.Project, At: l.o.Now(), New: []Test{}, Open: []Test{}, Quiet: []Test{}}
	kept, all, err := l.o.Store.FlakyTests(ctx, store.FlakyFilter{Project: q.Project, Builder: q.Builder, Test: q.Test, Limit: mostListed})
	if err != nil {
		return out, err
	}
	out.Omitted = all - len(kept)
	good, err := l.goodRuns(ctx, kept)
	if err != nil {
		return out, err
	}
	for _, k := range kept {
		t, ok := judge(k, out.At)
		if !ok {
			continue
		}
		if t.Mark.State == flake.Flaky {
			t.Hints = hints(k, good[k.Builder.ID])
			past, err := l.o.Past(ctx, k.Builder.ID, k.State.Test)
			if err != nil {
				return out, err
			}
			t.learn(past)
		}
		switch {
		case t.Mark.State != flake.Flaky:
			out.Quiet = append(out.Quiet, t)
		case out.At.Sub(t.Mark.First.At) < Fresh:
			out.New = append(out.New, t)
		default:
			out.Open = append(out.Open, t)
		}
	}
	slices.SortStableFunc(out.New, worse)
	slices.SortStableFunc(out.Open, worse)
	slices.SortStableFunc(out.Quiet, func(a, b Test) int { return b.Mark.Last.At.Compare(a.Mark.Last.At) })
	return out, nil
}

// worse orders flaky tests: by the rate that they fail with at least, then by how
// often they were seen.
func worse(a, b Test) int {
	return cmp.Or(cmp.Compare(b.Rate.Low, a.Rate.Low), cmp.Compare(b.Mark.Flakes, a.Mark.Flakes), a.Test.Compare(b.Test),
		cmp.Compare(a.Builder.ID, b.Builder.ID))
}

// goodRuns reads where the newest settled builds of the tests' builders ran.
func (l *Lister) goodRuns(ctx context.Context, kept []store.FlakyTest) (map[weir.BuilderID][]store.SettledRun, error) {
	var builders []weir.BuilderID
	for _, k := range kept {
		builders = append(builders, k.Builder.ID)
	}
	slices.Sort(builders)
	return l.good.of(ctx, l.o.Store, slices.Compact(builders), l.o.Now())
}
