package client

import (
	"context"
	"net/url"
	"time"

	"github.com/weir-ci/weir"
)

// FlakyList is the flaky tests of a project, or of all.
type FlakyList struct {
	Project string    `json:"project,omitempty"` // empty: all
	At      time.Time `json:"at"`
	// New are those whose mark was set within the last week, Open the other
	// flaky ones, both the worst first; Quiet those whose mark has closed, the last
	// closed first.
	New   []FlakyTest `json:"new"`
	Open  []FlakyTest `json:"open"`
	Quiet []FlakyTest `json:"quiet"`
	// Omitted is how many more there are, which have not flaked for longer than
	// all that are listed.
	Omitted int `json:"omitted,omitempty"`
}

// FlakyTest is a test that was good and bad at equal revisions.
type FlakyTest struct {
	Builder weir.Builder `json:"builder"`
	Test    weir.TestID  `json:"test"`
	Status  weir.Status  `json:"status"`           // the settled one
	Hidden  bool         `json:"hidden,omitempty"` // it does not run at present though it should
	Mark    FlakyMark    `json:"mark"`
	Rate    FlakyRate    `json:"rate"`
	// Seen is the evidence: the newest sets of revisions at which it was good and
	// bad, newest first, at most 10; Older is how many more are kept.
	Seen  []Sighting `json:"seen"`
	Older int        `json:"older,omitempty"`
	// Hints say what its bad runs have in common, and its good ones have not.
	Hints []FlakyHint `json:"hints,omitempty"`
}

// FlakyMark is whether a test is flaky, and why that is believed.
type FlakyMark struct {
	State  string `json:"state"`  // flaky or quiet
	Reason string `json:"reason"` // for people
	// Flakes is at how many different revisions it had both outcomes, ever;
	// Fresh is how many of them since the mark was set the last time.
	Flakes int `json:"flakes,omitempty"`
	Fresh  int `json:"fresh,omitempty"`
	// First and Last are the builds of the first and last flake of those.
	First SeenAt `json:"first,omitzero"`
	Last  SeenAt `json:"last,omitzero"`
	// Rearmed is how often the test was quiet and flaked again.
	Rearmed int `json:"rearmed,omitempty"`
	// Chance is how likely chance alone made the silence so far, 0 to 1.
	Chance float64 `json:"chance,omitempty"`
	// Exposures is how many builds ran the test since Last.
	Exposures int `json:"exposures,omitempty"`
	// Closes is when a flaky test becomes quiet if it stays silent and is run
	// often enough; zero for others.
	Closes time.Time `json:"closes,omitzero"`
}

// SeenAt is when something was seen.
type SeenAt struct {
	Build  weir.BuildID `json:"build,omitempty"`
	Number int          `json:"number,omitempty"` // of the builder's settled build
	At     time.Time    `json:"at,omitzero"`
}

// FlakyRate is how often a run of a test fails for no reason.
type FlakyRate struct {
	Rate
	Flakes int    `json:"flakes"` // in so many
	Builds int    `json:"builds"`
	Says   string `json:"says"` // for people
}

// Sighting is what runs at one set of revisions did.
type Sighting struct {
	Number int        `json:"number"` // of the builder's settled build
	At     time.Time  `json:"at"`     // of the newest run
	Runs   []FlakyRun `json:"runs"`   // oldest first, at most 20
}

// FlakyRun is one run of a test.
type FlakyRun struct {
	Build  weir.BuildID `json:"build"`
	Bad    bool         `json:"bad"`
	Worker string       `json:"worker,omitempty"`
}

// FlakyHint is something that separates bad runs from good ones.
type FlakyHint struct {
	Facet string  `json:"facet"` // for example "worker"
	Value string  `json:"value"`
	In    Share   `json:"in"`  // runs with it
	Out   Share   `json:"out"` // runs without
	P     float64 `json:"p"`   // how likely chance alone shows such a hint, 0 to 1
	// Same lists what holds for exactly the same runs.
	Same []string `json:"same,omitempty"`
	Says string   `json:"says"` // for people
}

// Share is how many of some runs were bad.
type Share struct {
	Bad  int `json:"bad"`
	Runs int `json:"runs"`
}

// FlakyDigest is what the owners of a project would be told now.
type FlakyDigest struct {
	Project string `json:"project"`
	News    bool   `json:"news"` // something has changed since the last digest
	Text    string `json:"text"` // for people; empty if no test is flaky
}

// Flaky lists the flaky tests of a project, or of all if project is empty;
// weir.NotFound if there is no such project.
func (c *Client) Flaky(ctx context.Context, project string) (FlakyList, error) {
	var query url.Values
	if project != "" {
		query = url.Values{"project": {project}}
	}
	return get[FlakyList](ctx, c, "/api/v1/flaky", query)
}

// FlakyDigest reads what the owners of a project would be told now of its flaky
// tests; weir.NotFound if there is no such project.
func (c *Client) FlakyDigest(ctx context.Context, project string) (FlakyDigest, error) {
	return get[FlakyDigest](ctx, c, "/api/v1/flaky/digest", url.Values{"project": {project}})
}
