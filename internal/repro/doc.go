// Package repro tries a build of a farm again on this machine, and says
// whether it saw the same.
//
// What there is to try is a Case: one build, or the builds on both sides of a
// regression's culprit, each with its specification, the builds that made the
// products it needs, and what the farm saw. A Case comes from a farm's REST
// interface (Ask) or out of a capsule, one file that holds all of it together
// with products and sources (Save, Open).
//
// A Lab runs a Case with package execute, which is what workers run builds with:
// the same directories, steps, environment, limits and reading of results. Then
// the results are held against the farm's (compare.go).
//
// Farms and capsules are not trusted: a Case is checked (check.go) before anybody
// sees it, and a person should see its steps before a Lab runs them, since they run
// as that person, without a sandbox.
package repro

import (
	"time"

	"github.com/weir-ci/weir"
)

// Format is the version of the Case's form that this program writes. It reads
// that one only.
const Format = 1

// Case is something that a farm saw, with all that is needed to try it again.
type Case struct {
	Format  int       `json:"format"`
	Subject string    `json:"subject"` // for people: "build 812", "regression 3"
	Farm    string    `json:"farm"`    // its address, without credentials
	Asked   time.Time `json:"asked"`
	Trials  []Trial   `json:"trials"`
	// Recipes says how each build that takes part is made: those of the trials,
	// and those whose products they need.
	Recipes map[weir.BuildID]Recipe `json:"recipes"`
	// Notes say what the case leaves out.
	Notes []string `json:"notes,omitempty"`
}

// Trial is one build to try, and what the farm saw.
type Trial struct {
	Name   string       `json:"name"` // for people: "build 812", "the culprit, build 812"
	Build  weir.BuildID `json:"build"`
	Expect Expectation  `json:"expect"`
}

// Recipe is how a build is made.
type Recipe struct {
	// Spec is what the worker was told, with the products that it used.
	Spec weir.Spec `json:"spec"`
	// Needs are the builds that made those products, by project.
	Needs map[string]weir.BuildID `json:"needs,omitempty"`
	// Worker and Program say who ran it, and with which version of Weir; empty if
	// that is not known.
	Worker  string `json:"worker,omitempty"`
	Program string `json:"program,omitempty"`
}

// Expectation is what the farm saw.
type Expectation struct {
	Outcome weir.Outcome `json:"outcome"`
	Reason  weir.Reason  `json:"reason"`
	// Results are those of tests and steps, the bad ones first, without output.
	Results []weir.Result `json:"results"`
	// Omitted is how many good or skipped results were over MaxResults.
	Omitted int `json:"omitted,omitempty"`
	// Victims are set for a regression: then only they are compared.
	Victims []weir.Victim `json:"victims,omitempty"`
	// Observed is what the build said about each of them.
	Observed []weir.Observed `json:"observed,omitempty"`
}

// Limits on a Case.
const (
	MaxTrials  = 2
	MaxRecipes = 300
	MaxResults = 100_000 // of one trial
	MaxVictims = 100_000
)
