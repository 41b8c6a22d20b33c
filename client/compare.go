package client

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// Comparison is build B as seen from build A.
type Comparison struct {
	A           ComparedBuild `json:"a"`
	B           ComparedBuild `json:"b"`
	Moves       []Move        `json:"moves"` // the revisions of both, from those of A to those of B
	Environment []Pair        `json:"environment"`
	Steps       []StepPair    `json:"steps"`
	Tests       TestsCompared `json:"tests"`
	Metrics     []MetricPair  `json:"metrics"`
	Packages    Packages      `json:"packages"`
}

// ComparedBuild is one of two builds.
type ComparedBuild struct {
	Build   weir.Build    `json:"build"`
	Attempt weir.Attempt  `json:"attempt,omitzero"` // the newest
	Took    time.Duration `json:"took,omitempty"`   // from its first step to its end
	Waited  time.Duration `json:"waited,omitempty"` // before its newest attempt
}

// Move is a project's revision, and how it got there.
type Move struct {
	Project  string        `json:"project"`
	Own      bool          `json:"own,omitempty"` // the build's own project
	Source   weir.Source   `json:"source,omitzero"`
	From     string        `json:"from,omitempty"` // empty: it was not pinned before
	To       string        `json:"to,omitempty"`   // empty: it is not pinned any more
	Revision weir.Revision `json:"revision"`       // To, as far as it is known
	Before   weir.Revision `json:"before,omitzero"`
	// Count is how many revisions there are behind From up to To; Back says that To
	// comes before From. Between are the newest of them, newest first, at most 20.
	Count   int             `json:"count,omitempty"`
	Back    bool            `json:"back,omitempty"`
	Between []weir.Revision `json:"between,omitempty"`
}

// Pair is something that both builds have, as text; empty: one does not.
type Pair struct {
	Name string `json:"name"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
}

// StepPair is a step of both builds, by its name.
type StepPair struct {
	Name   string         `json:"name"`
	A      time.Duration  `json:"a,omitempty"` // how long it ran
	B      time.Duration  `json:"b,omitempty"`
	StateA weir.StepState `json:"state_a,omitempty"` // empty: there is no such step
	StateB weir.StepState `json:"state_b,omitempty"`
	Index  [2]int         `json:"index"` // of the step in each build; -1: there is none
}

// TestsCompared is how the tests of two builds differ.
type TestsCompared struct {
	A       weir.Counts        `json:"a"`
	B       weir.Counts        `json:"b"`
	Known   bool               `json:"known"`   // both have results
	Reached bool               `json:"reached"` // both got to their tests; if not, only steps are compared
	Changes []weir.TestChange  `json:"changes"` // the tests that differ, worst first, at most 500; verdicts are those of B
	Counts  weir.VerdictCounts `json:"counts"`  // of all of them
	Removed int                `json:"removed,omitempty"`
	More    int                `json:"more,omitempty"` // that are not listed
	Took    []TestTimePair     `json:"took,omitempty"` // those whose durations differ most
	Same    int                `json:"same"`
}

// TestTimePair is how long a test took in both builds.
type TestTimePair struct {
	Test weir.TestID   `json:"test"`
	A    time.Duration `json:"a"`
	B    time.Duration `json:"b"`
}

// MetricPair is a number that at least one build measured.
type MetricPair struct {
	Name string   `json:"name"`
	Unit string   `json:"unit,omitempty"`
	A    *float64 `json:"a,omitempty"` // nil: it did not
	B    *float64 `json:"b,omitempty"`
}

// Packages is how the packages of two builds differ; A and B say whether there is a list of them.
type Packages struct {
	A     bool          `json:"a"`
	B     bool          `json:"b"`
	Moves []PackageMove `json:"moves"`
	Same  int           `json:"same"`
	More  int           `json:"more,omitempty"` // that differ and are not listed
}

// PackageMove is a package in two builds.
type PackageMove struct {
	Name string `json:"name"`
	From string `json:"from,omitempty"` // empty: it was not there
	To   string `json:"to,omitempty"`   // empty: it is not there
}

// Compare holds build b against build a; weir.NotFound if there is no such one.
func (c *Client) Compare(ctx context.Context, a, b weir.BuildID) (Comparison, error) {
	return get[Comparison](ctx, c, "/api/v1/compare", url.Values{"a": {strconv.FormatInt(int64(a), 10)}, "b": {strconv.FormatInt(int64(b), 10)}})
}

// Beside is what stands beside a build.
type Beside struct {
	// Usual is the median duration of the builder's passed builds before it, UsualOf
	// how many those are.
	Usual   time.Duration `json:"usual,omitempty"`
	UsualOf int           `json:"usual_of,omitempty"`
	// Previous is the build on the builder's line before it that says something,
	// LastGood the last one that passed; 0 if there is none.
	Previous weir.BuildID `json:"previous,omitempty"`
	LastGood weir.BuildID `json:"last_good,omitempty"`
	// Siblings are builds of the same job at the same revisions elsewhere.
	Siblings []weir.Build `json:"siblings,omitempty"`
	Moves    []Move       `json:"moves"` // its revisions, against those of Previous
	Metrics  []MetricMove `json:"metrics,omitempty"`
	Summary  string       `json:"summary,omitempty"`
}

// MetricMove is a measurement, and the one before it.
type MetricMove struct {
	weir.Metric
	Before *float64 `json:"before,omitempty"` // nil: there is none
}

// Beside reads what stands beside a build; weir.NotFound if there is no such build.
func (c *Client) Beside(ctx context.Context, id weir.BuildID) (Beside, error) {
	return get[Beside](ctx, c, fmt.Sprintf("/api/v1/builds/%d/beside", id), nil)
}

// ResultQuery says which results of a build are wanted.
type ResultQuery struct {
	Text   string // part of the suite, the name or the message
	Suite  string // only this one; "(none)": tests without one
	Status string // bad, all, changed, skipped or good; empty: bad
	Offset int    // leave out so many
	Limit  int    // 0: 1,000; at most 100,000
}

// FindResults reads some of what a build's tests reported, worst first;
// weir.NotFound if the build reported nothing.
func (c *Client) FindResults(ctx context.Context, id weir.BuildID, q ResultQuery) (Results, error) {
	query := url.Values{}
	for name, text := range map[string]string{"q": q.Text, "suite": q.Suite, "status": q.Status} {
		if text != "" {
			query.Set(name, text)
		}
	}
	for name, n := range map[string]int{"offset": q.Offset, "limit": q.Limit} {
		if n != 0 {
			query.Set(name, strconv.Itoa(n))
		}
	}
	return get[Results](ctx, c, fmt.Sprintf("/api/v1/builds/%d/results", id), query)
}
