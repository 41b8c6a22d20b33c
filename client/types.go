package client

import (
	"time"

	"github.com/weir-ci/weir"
)

// Overview is the state of a whole farm: what needs somebody first, then what
// runs, then the rest.
type Overview struct {
	Name        string             `json:"name"` // of the farm
	At          time.Time          `json:"at"`
	Regressions []weir.Regression  `json:"regressions"` // open ones, newest first, at most 200
	Recent      []weir.Regression  `json:"recent"`      // closed lately, newest first
	Running     []weir.Build       `json:"running"`     // leased or running, newest first
	Queue       map[weir.State]int `json:"queue"`       // builds by unfinished state
	// Waiting are the builds of the queue that have waited longest, at most 20, and why.
	Waiting  []Waiting      `json:"waiting,omitempty"`
	Doubted  int            `json:"doubted"` // builds that run again because something is newly bad
	Builders []BuilderRow   `json:"builders"`
	Workers  []weir.Worker  `json:"workers"`
	Sources  []SourceStatus `json:"sources"`
	Config   Setup          `json:"config"` // what the farm was told to do
	// Open is how many regressions are open in all, BadTests how many tests they have
	// made bad, on each builder; 0 from older farms.
	Open     int `json:"open"`
	BadTests int `json:"bad_tests"`
}

// Waiting is a build that waits, and why.
type Waiting struct {
	weir.Build
	Waits Wait `json:"waits"`
}

// Wait is why a build waits.
type Wait struct {
	Reason string       `json:"reason"`          // of a closed set: see docs/scheduling.md
	Text   string       `json:"text"`            // one sentence, without a dot at its end
	Until  time.Time    `json:"until,omitzero"`  // when that is over at the latest, if it is known
	Build  weir.BuildID `json:"build,omitempty"` // that it waits for
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
	Polled  time.Time     `json:"polled,omitzero"` // last time it answered
	Error   string        `json:"error,omitempty"` // why it does not answer
}

// BuildDetail is everything about one build except its results and logs.
type BuildDetail struct {
	Build    weir.Build        `json:"build"`
	Run      weir.Run          `json:"run"`
	Spec     weir.Spec         `json:"spec"`     // what the worker was told
	Attempts []AttemptDetail   `json:"attempts"` // oldest first
	Changes  []weir.TestChange `json:"changes"`  // tests whose verdict is not "same", worst first; up to 200
	// From is how many changes stand before those, and More says that there are some behind them.
	From int  `json:"changes_from,omitempty"`
	More bool `json:"more_changes,omitempty"`
	// First says that the builder had no settled build before; otherwise a
	// settled build was held against Against.
	First   bool         `json:"first,omitempty"`
	Against weir.BuildID `json:"against,omitempty"`
	// Repeats ran it again at the same revisions, newest first.
	Repeats []weir.Build `json:"repeats,omitempty"`
	// Hidden lists tests that do not run though they should, by cause, at most
	// 200. It is empty unless the build is the newest settled one of its builder.
	Hidden []weir.TestState `json:"hidden,omitempty"`
	Needs  []weir.Build     `json:"needs,omitempty"`
	// Waits says why it waits; nil if it does not.
	Waits *Wait `json:"waits,omitempty"`
	// Regressions are the open ones with a victim on this builder.
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
	LogLines int64 `json:"log_lines"` // newlines
}

// RegressionDetail is a regression and the evidence it rests on.
type RegressionDetail struct {
	Regression weir.Regression `json:"regression"`
	Probes     []weir.Probe    `json:"probes"` // by position, then age
	Points     []PathPoint     `json:"points"` // the path, from good (0) to bad
	// Source is that of the culprit's project; zero if it is not known.
	Source weir.Source `json:"source,omitzero"`
	Spec   weir.Spec   `json:"spec"`   // of the first bad build; zero if there is none yet
	Advice Advice      `json:"advice"` // what each side can do
	// Beside are the builds at its ends and corners that are no probes, oldest first.
	Beside []weir.Build `json:"beside,omitempty"`
	// Life is what became of it, oldest first, at most 1,000 steps.
	Life []weir.Transition `json:"life"`
	// Searches were made for it, newest first.
	Searches []weir.Regression `json:"searches,omitempty"`
}

// Advice is what the people on each side of a regression can do, one line
// each, the most useful one first. A side without lines has nothing to do.
type Advice struct {
	Upstream   []string `json:"upstream,omitempty"`
	Downstream []string `json:"downstream,omitempty"`
}

// PathPoint is one position of a regression's path.
type PathPoint struct {
	Position int           `json:"position"`
	Project  string        `json:"project"` // whose revision is new here
	Revision weir.Revision `json:"revision"`
	Suspect  bool          `json:"suspect"` // may still be the culprit
}

// Results is what the tests of a build reported, or the part asked for.
type Results struct {
	Counts    weir.Counts     `json:"counts"` // of all results, not only those listed
	Results   []weir.Result   `json:"results"`
	Incidents []weir.Incident `json:"incidents,omitempty"`
	Omitted   int             `json:"omitted,omitempty"` // asked for, but over the limit
}
