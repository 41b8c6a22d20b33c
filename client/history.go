package client

import (
	"context"
	"net/url"
	"time"

	"github.com/weir-ci/weir"
)

// TestHistory is how a test stands on each builder of its project, since when,
// and how often it fails.
type TestHistory struct {
	Project  string           `json:"project"`
	Test     weir.TestID      `json:"test"`
	Builders []BuilderHistory `json:"builders"` // that know it; at most 100
	Where    Where            `json:"where"`    // on which of them it fails
}

// BuilderHistory is a test's past on one builder.
type BuilderHistory struct {
	Builder weir.Builder `json:"builder"`
	// State is the settled state; nil if the test was taken out.
	State    *weir.TestState `json:"state,omitempty"`
	Says     string          `json:"says"` // all of it in one sentence
	Since    Beginning       `json:"since"`
	Rate     FailureRate     `json:"rate"`     // in the present segment
	Segments []Segment       `json:"segments"` // oldest first
	Now      TestNow         `json:"now"`
	// Changes are the newest ones, newest first; at most 100. Older says how many more are known.
	Changes []TestMove `json:"changes"`
	Older   int        `json:"older_changes,omitempty"`
}

// Point is one settled build of a builder.
type Point struct {
	Number int          `json:"number"`          // counts the builder's settled builds from 1
	Build  weir.BuildID `json:"build,omitempty"` // 0: it is not kept any more
	At     time.Time    `json:"at,omitzero"`     // when it finished
}

// Beginning says since when a test is as it is.
type Beginning struct {
	Point
	// With 99 % it began between the builds with these numbers.
	Earliest int `json:"earliest"`
	Latest   int `json:"latest"`
}

// Rate is how often something happens: a share from 0 to 1, with the interval
// that holds it with 95 %.
type Rate struct {
	Mean float64 `json:"mean"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// FailureRate says how often a test fails.
type FailureRate struct {
	Rate
	Runs     int `json:"runs"`
	Failures int `json:"failures"`
}

// TestCounts adds up what a test did in some builds.
type TestCounts struct {
	Builds   int `json:"builds"`             // settled builds that should have run it
	Runs     int `json:"runs"`               // builds that ran it
	Failures int `json:"failures,omitempty"` // builds whose first run of it was bad
	Flakes   int `json:"flakes,omitempty"`   // builds with both outcomes at the same revisions
	Doubled  int `json:"doubled,omitempty"`  // failures that were run again
	Repeated int `json:"repeated,omitempty"` // of Doubled, those that were bad each time
}

// Segment is a stretch of builds in which a test behaved alike.
type Segment struct {
	From Point `json:"from"`
	To   Point `json:"to"` // its last build
	// With 99 % it begins between the builds with these numbers.
	Earliest  int         `json:"earliest"`
	Latest    int         `json:"latest"`
	Status    weir.Status `json:"status"` // in most builds
	Signature string      `json:"signature,omitempty"`
	TestCounts
}

// TestNow is how a test stands after the newest build.
type TestNow struct {
	Status weir.Status `json:"status"`
	Since  Point       `json:"since"`
	TestCounts
	Masked  Point `json:"masked,omitzero"`   // since when a bad test has not run
	Removed bool  `json:"removed,omitempty"` // its project has taken it out, or renamed it
}

// TestMove is one change of a test.
type TestMove struct {
	Point
	Change weir.TestChange `json:"change"`
	// Absolved says that the change accused somebody, and meant nothing.
	Absolved bool `json:"absolved,omitempty"`
	// Moved lists the pins that differ from the settled build before.
	Moved []PinMove `json:"moved,omitempty"`
}

// PinMove is a project whose revision moved; From or To is empty if it was not
// pinned before, or is not any more.
type PinMove struct {
	Project string `json:"project"`
	From    string `json:"from,omitempty"`
	To      string `json:"to,omitempty"`
}

// Where says on which builders a test fails, by their names.
type Where struct {
	// Spread is unknown, alike, everywhere, or only_here: it fails on those in
	// Here far more often than on those in There.
	Spread    string   `json:"spread"`
	Here      []string `json:"here,omitempty"`
	There     []string `json:"there,omitempty"`
	Silent    []string `json:"silent,omitempty"` // do not run it
	HereRate  Rate     `json:"here_rate"`
	ThereRate Rate     `json:"there_rate"`
	Odds      float64  `json:"odds"` // how much more likely two rates are than one, to base 10
}

// TestTimes is how long a test took on one builder.
type TestTimes struct {
	Builder weir.BuilderID `json:"builder"`
	Points  []TestTime     `json:"points"` // oldest first
}

// TestTime is one run of a test. What took less than 0.1 s has no time, and longer
// times are kept to one digit.
type TestTime struct {
	Build  weir.BuildID  `json:"build"`
	At     time.Time     `json:"at"` // when the build ended
	Took   time.Duration `json:"took"`
	Status weir.Status   `json:"status"`
}

// TestTimes reads how long a test took in the newest builds of a few of its
// builders, as far as their results are kept; those where it is bad first.
// weir.NotFound if no builder knows it.
func (c *Client) TestTimes(ctx context.Context, project, job string, test weir.TestID) ([]TestTimes, error) {
	query := url.Values{"project": {project}, "name": {test.Name}}
	if job != "" {
		query.Set("job", job)
	}
	if test.Suite != "" {
		query.Set("suite", test.Suite)
	}
	return get[[]TestTimes](ctx, c, "/api/v1/tests/times", query)
}
