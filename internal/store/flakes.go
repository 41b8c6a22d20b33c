package store

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
)

// Flakes keeps what runs of flaky tests did, and what the owners of projects
// have been told of them. What is recorded comes with the judgements and
// searches that saw it: see Settlement.Flakes and RegressionUpdate.Flakes.
type Flakes interface {
	// FlakyTests lists tests that are known and have ever been good and bad at
	// equal revisions, those that were seen so last first, and tells how many
	// there are. A test that its project took out is not among them; it is
	// again, with all its runs, when it comes back.
	FlakyTests(ctx context.Context, f FlakyFilter) (tests []FlakyTest, all int, err error)
	// SettledRuns lists the newest settled builds of some builders that reported
	// results, with where they ran: at most limit of each (0: 100; at most 1,000),
	// by builder, oldest first.
	SettledRuns(ctx context.Context, builders []weir.BuilderID, limit int) ([]SettledRun, error)
	// ClaimDigest gives the caller the right to tell the owners of a project
	// what is new, if they were told at least so long ago. Of several servers one gets
	// it. If it does not call DigestTold within DigestTime, it may be claimed again:
	// a server that dies in between leaves a digest that is told twice rather than never.
	ClaimDigest(ctx context.Context, project string, every time.Duration, now time.Time) (bool, error)
	// DigestTold records that the owners of a project have been told, and what,
	// in place of what they had been told before.
	DigestTold(ctx context.Context, project string, told []ToldFlake, now time.Time) error
}

const (
	// MaxFlakeRuns is how many runs of a test are kept, the newest ones.
	MaxFlakeRuns = 500
	// DigestTime is how long a claim of ClaimDigest holds.
	DigestTime = 10 * time.Minute
)

// FlakeRun is what one run of a test did, to be recorded. When it ended, at which
// inputs, and after which settled build, is known from its build.
type FlakeRun struct {
	Test  weir.TestID
	Build weir.BuildID
	Bad   bool
	// Known says that the run is worth keeping only if others of the test at the
	// same revisions are kept already.
	Known bool
}

// FlakyFilter narrows a list of flaky tests.
type FlakyFilter struct {
	Project string         // empty: all
	Builder weir.BuilderID // 0: all
	Test    weir.TestID    // zero: all
	Limit   int            // 0: 100; at most 1,000
}

// FlakyTest is what is kept of a test that was good and bad at equal revisions.
type FlakyTest struct {
	Builder weir.Builder
	State   weir.TestState
	// LastFlake is the build State.LastFlake; zero if that is not kept any more.
	// Tests that flaked before runs were recorded have nothing else.
	LastFlake SettledBuild
	// Newest is the newest settled build of the builder, and Ran the number of the
	// newest one in which the test can have run: it is less if the test is masked.
	Newest SettledBuild
	Ran    int
	Runs   []SeenRun // oldest first; at most MaxFlakeRuns
	Told   string    // state that the project's owners have been told; empty: none
}

// SeenRun is a recorded run.
type SeenRun struct {
	Build  weir.BuildID
	Bad    bool
	Inputs string    // equal for equal revisions
	Number int       // of the builder's newest settled build that was made no later
	At     time.Time // when it ended
	Place  Place
}

// Place is where the attempt ran that gave a build its outcome; zero if it is
// not known.
type Place struct {
	Worker string
	Leased time.Time
	weir.Surroundings
}

// SettledRun is a settled build and where it ran.
type SettledRun struct {
	SettledBuild
	Builder weir.BuilderID
	Place   Place
}

// ToldFlake is what owners have been told of a test.
type ToldFlake struct {
	Builder weir.BuilderID
	Test    weir.TestID
	State   string
}
