package store

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
)

// Boards reads builds for pages that show many of them at once.
type Boards interface {
	// Builders lists the builders with ids above after (0: all), by id, at most limit.
	Builders(ctx context.Context, after weir.BuilderID, limit int) ([]weir.Builder, error)
	// Lately lists, for each of the builders (none named: all), its newest builds,
	// at most per of each: builders by id, builds newest first.
	Lately(ctx context.Context, builders []weir.BuilderID, per int) ([]BoardBuild, error)
	// Earlier lists, for each of some builders, the newest of its builds with ids below
	// one, at most per of each: in the order of the builders, builds newest first.
	Earlier(ctx context.Context, of []Before, per int) ([]BoardBuild, error)
	// BoardBuilds finds builds by their ids, at most 1,000; those that are not there are left out.
	BoardBuilds(ctx context.Context, ids []weir.BuildID) ([]BoardBuild, error)
	// Span lists the builds that were made in a span of time, newest first.
	Span(ctx context.Context, q SpanQuery) ([]BoardBuild, error)
	// Ran lists what a worker tried, newest first, in attempts that were leased
	// before a time (zero: now), at most limit, at most 1,000.
	Ran(ctx context.Context, worker string, before time.Time, limit int) ([]RanAttempt, error)
	// Load counts, for each hour of a span and each worker (empty: all of them), how it was busy.
	Load(ctx context.Context, worker string, from, to time.Time) ([]WorkerHour, error)
	// Sizes says how large the database is.
	Sizes(ctx context.Context) (Sizes, error)
}

// Finder finds things by words that people type.
type Finder interface {
	// FindTests finds tests by the beginnings of words of their names, at most limit, at
	// most 100; case does not matter. A word is what stands between two
	// characters that are neither letters nor digits, or begins with a capital. Of a word
	// that is not rare, no more than the first 20,000 tests that have it are looked at.
	FindTests(ctx context.Context, words []string, limit int) ([]FoundTest, error)
	// FindBuilders finds builders of which every word is in the name, by name.
	FindBuilders(ctx context.Context, words []string, limit int) ([]weir.Builder, error)
	// FindRevisions finds revisions whose message or author has every word, or whose
	// id begins with the only one; newest first, among the newest 5,000 at most.
	FindRevisions(ctx context.Context, words []string, limit int) ([]FoundRevision, error)
}

// BoardBuild is as much of a build as a cell of a table shows.
type BoardBuild struct {
	ID       weir.BuildID       `json:"id"`
	Run      weir.RunID         `json:"run"`
	Builder  weir.BuilderID     `json:"builder"`
	Cause    weir.Cause         `json:"cause"`
	State    weir.State         `json:"state"`
	Outcome  weir.Outcome       `json:"outcome,omitempty"`
	Reason   weir.ReasonCode    `json:"reason,omitempty"`
	Pins     weir.Pins          `json:"pins"` // equal ones may be shared: not to be changed
	Worker   string             `json:"worker,omitempty"`
	Created  time.Time          `json:"created"`
	Started  time.Time          `json:"started,omitzero"`
	Finished time.Time          `json:"finished,omitzero"`
	Counts   weir.Counts        `json:"counts,omitzero"`
	Changes  weir.VerdictCounts `json:"changes,omitzero"`
	Ledger   weir.Ledger        `json:"ledger,omitzero"`
	Judged   weir.Judgement     `json:"judged,omitempty"`
}

// Hollow is weir.Hollow of the build.
func (b *BoardBuild) Hollow() bool { return weir.Hollow(b.Outcome, b.Counts, b.Ledger) }

// SpanQuery narrows a list of builds to a span of time.
type SpanQuery struct {
	Builders []weir.BuilderID // empty: all
	From, To time.Time        // made at From or later, and before To; zero: open
	Ended    time.Time        // ended at this time or later, or not yet; zero: whenever; with From, or all of a builder's line is read
	Before   weir.BuildID     // ids below this one; 0: all
	Limit    int              // 0: 1,000; at most 20,000
}

// Before is where in the line of a builder to look.
type Before struct {
	Builder weir.BuilderID
	Build   weir.BuildID // ids below this one; 0: all
}

// RanAttempt is an attempt on a worker, and whose it was.
type RanAttempt struct {
	weir.Attempt
	Builder weir.Builder `json:"builder"`
	Cause   weir.Cause   `json:"cause"`
	Started time.Time    `json:"started,omitzero"` // of its first step
}

// WorkerHour is one hour of one worker.
type WorkerHour struct {
	Worker string    `json:"worker"`
	Hour   time.Time `json:"hour"` // its beginning, UTC
	// Ended is how many attempts ended in it, Infra how many of those in an
	// infrastructure error, Lost how many more were lost. What the worker refused is in
	// none of this.
	Ended int `json:"ended"`
	Infra int `json:"infra"`
	Lost  int `json:"lost"`
	// Busy is for how long slots were in use, all together, by attempts that ended in
	// the hour; Waited is how long their builds had waited for a worker.
	Busy   time.Duration `json:"busy"`
	Waited time.Duration `json:"waited"`
}

// FoundTest is a test of a project that was looked for.
type FoundTest struct {
	Project string      `json:"project"`
	Job     string      `json:"job"`
	Test    weir.TestID `json:"test"`
}

// FoundRevision is a revision that was looked for.
type FoundRevision struct {
	Project  string        `json:"project"`
	Branch   string        `json:"branch"`
	Revision weir.Revision `json:"revision"`
}

// Sizes is how large a database is.
type Sizes struct {
	Bytes int64 `json:"bytes"` // of all of it
	// Rows is about how many rows the largest tables have, by table.
	Rows map[string]int64 `json:"rows"`
}
