package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// BoardCell is what builds of one kind say together.
type BoardCell struct {
	// Grade is new, doubt, bad (as before), hollow (passed, and no test ran), unbuilt, infra, running, waiting, flaky,
	// fixed, good or off; empty: nothing was built.
	Grade   string          `json:"grade"`
	Build   weir.BuildID    `json:"build,omitempty"` // the one that says so
	Outcome weir.Outcome    `json:"outcome,omitempty"`
	Reason  weir.ReasonCode `json:"reason,omitempty"`
	Cause   weir.Cause      `json:"cause,omitempty"` // if no change and no clock set it off
	// Builders is how many builders have something there, Like how many of them are
	// graded as the cell is.
	Builders int           `json:"builders,omitempty"`
	Like     int           `json:"like,omitempty"`
	Executed int           `json:"executed,omitempty"` // tests of all of them
	Expected int           `json:"expected,omitempty"`
	Worse    int           `json:"worse,omitempty"` // tests that are newly bad
	Fixed    int           `json:"fixed,omitempty"`
	Took     time.Duration `json:"took,omitempty"` // nanoseconds
}

// BoardRevision is a revision in the head of a row or a column.
type BoardRevision struct {
	ID       string    `json:"id"`
	Position int64     `json:"position"`
	Author   string    `json:"author,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Time     time.Time `json:"time,omitzero"`
	Skipped  string    `json:"skipped,omitempty"` // why it sets nothing off by itself
}

// BoardChoice is a project that has a board.
type BoardChoice struct {
	Project     string `json:"project"`
	Downstreams int    `json:"downstreams"` // projects that are tested against it
	Builders    int    `json:"builders"`    // of its own
}

// Matrix is projects against revisions of their upstream, or against platforms.
type Matrix struct {
	Upstream string         `json:"upstream"`
	Branch   string         `json:"branch,omitempty"`
	Branches []string       `json:"branches"`
	Choices  []BoardChoice  `json:"upstreams"`
	By       string         `json:"by"`      // revision or platform
	Columns  []MatrixColumn `json:"columns"` // newest revision first
	Rows     []MatrixRow    `json:"rows"`
	Own      []BoardCell    `json:"own"` // what the upstream's own builds say
	Until    int64          `json:"until"`
	Tip      int64          `json:"tip"`
	Older    int64          `json:"older,omitempty"` // where to go on; 0: nowhere
	Newer    int64          `json:"newer,omitempty"`
	// Downstreams is how many rows there are in all, Shown how many pass the filter.
	Downstreams int    `json:"downstreams"`
	Shown       int    `json:"shown"`
	Next        string `json:"next,omitempty"` // the project behind which the rows go on
	// Part says that so far back only the rows of this page were looked at: pages are by
	// name, and all but Downstreams counts them alone.
	Part          bool      `json:"part,omitempty"`
	NewRows       int       `json:"new_rows"` // rows that are newly bad where they are newest
	GoneBad       int       `json:"gone_bad"` // rows that went bad within the columns, and are bad still
	MorePlatforms int       `json:"more_platforms,omitempty"`
	Seq           int64     `json:"seq"`
	At            time.Time `json:"at"`
}

// MatrixColumn is a revision or a platform.
type MatrixColumn struct {
	Revision *BoardRevision `json:"revision,omitempty"`
	Passed   int            `json:"passed,omitempty"` // older revisions that were built together with it
	Platform weir.Platform  `json:"platform,omitempty"`
	Says     int            `json:"says"` // rows that say anything
	New      int            `json:"new,omitempty"`
	Bad      int            `json:"bad,omitempty"`
	Unbuilt  int            `json:"unbuilt,omitempty"`
	Broken   bool           `json:"broken,omitempty"` // so many are newly bad that it is not their own doing
}

// MatrixRow is a project.
type MatrixRow struct {
	Project  string      `json:"project"`
	Builders int         `json:"builders"`
	Cells    []BoardCell `json:"cells"`
	New      int         `json:"new,omitempty"`
	Says     int         `json:"says"`
	Bad      int         `json:"bad,omitempty"`
	Broken   bool        `json:"broken,omitempty"` // bad wherever it says anything
	Changed  bool        `json:"changed,omitempty"`
}

// MatrixQuery says which matrix is wanted; its zero value is the upstream that
// most projects are tested against, at its newest revisions.
type MatrixQuery struct {
	Upstream, Branch string
	ByPlatform       bool
	ByName           bool // rows by name, not the worst first
	Changed          bool // only rows in which something changes
	Every            bool // revisions at which nothing was built, too
	Until            int64
	After            string
}

// Matrix reads a matrix; NotFound if there is no such upstream or branch.
func (c *Client) Matrix(ctx context.Context, q MatrixQuery) (Matrix, error) {
	return get[Matrix](ctx, c, "/api/v1/matrix", asked("upstream", q.Upstream, "branch", q.Branch, "after", q.After, "until", counted(q.Until),
		"changed", yes(q.Changed, "true"), "every", yes(q.Every, "true"), "by", yes(q.ByPlatform, "platform"), "sort", yes(q.ByName, "name")))
}

// Console is revisions of a project against builders.
type Console struct {
	Project    string         `json:"project"`
	Branch     string         `json:"branch,omitempty"`
	Branches   []string       `json:"branches"`
	Choices    []BoardChoice  `json:"projects"`
	Builders   []weir.Builder `json:"builders"`
	Rows       []ConsoleRow   `json:"rows"` // newest revision first
	Until      int64          `json:"until"`
	Tip        int64          `json:"tip"`
	Older      int64          `json:"older,omitempty"`
	Newer      int64          `json:"newer,omitempty"`
	Total      int            `json:"total_builders"`
	Next       weir.BuilderID `json:"next,omitempty"` // the builder behind which the columns go on
	Downstream int            `json:"downstream_builders"`
	Seq        int64          `json:"seq"`
	At         time.Time      `json:"at"`
}

// ConsoleRow is a revision, and what each builder says of it.
type ConsoleRow struct {
	Revision BoardRevision `json:"revision"`
	Cells    []ConsoleCell `json:"cells"`
}

// ConsoleCell is what a builder says of a revision.
type ConsoleCell struct {
	BoardCell
	In weir.BuildID `json:"in,omitempty"` // the build of a newer revision that covers this one
}

// ConsoleQuery says which console is wanted.
type ConsoleQuery struct {
	Project, Branch string
	Downstreams     bool // with builders of projects that are tested against it
	Until           int64
	After           weir.BuilderID
}

// Console reads a console; NotFound if there is no such project or branch.
func (c *Client) Console(ctx context.Context, q ConsoleQuery) (Console, error) {
	return get[Console](ctx, c, "/api/v1/console", asked("project", q.Project, "branch", q.Branch, "until", counted(q.Until), "after", counted(int64(q.After)),
		"downstreams", yes(q.Downstreams, "true")))
}

// Waterfall is what ran on each builder in a span of time.
type Waterfall struct {
	Builders  []weir.Builder `json:"builders"`
	Builds    []BoardBlock   `json:"builds"`
	Waiting   []int          `json:"waiting"` // builds of each builder that wait
	Arrivals  []Arrival      `json:"arrivals"`
	From      time.Time      `json:"from"`
	Until     time.Time      `json:"until"`
	Cut       bool           `json:"cut,omitempty"` // From is later than was asked for
	Hours     int            `json:"hours"`
	Older     time.Time      `json:"older,omitzero"`
	Newer     time.Time      `json:"newer,omitzero"`
	Total     int            `json:"total_builders"`
	Next      weir.BuilderID `json:"next,omitempty"`
	Projects  []string       `json:"projects"`
	Platforms []string       `json:"platforms"`
	Seq       int64          `json:"seq"`
	At        time.Time      `json:"at"`
}

// BoardBlock is a build in a waterfall.
type BoardBlock struct {
	Column   int            `json:"column"`
	Build    weir.BuildID   `json:"build"`
	Grade    string         `json:"grade"`
	State    weir.State     `json:"state"`
	Outcome  weir.Outcome   `json:"outcome,omitempty"`
	Cause    weir.Cause     `json:"cause"`
	Revision string         `json:"revision,omitempty"`
	Started  time.Time      `json:"started"`
	Ended    time.Time      `json:"ended"` // now, of one that runs
	Running  bool           `json:"running,omitempty"`
	Worker   string         `json:"worker,omitempty"`
	Worse    int            `json:"worse,omitempty"`
	Builder  weir.BuilderID `json:"builder"`
}

// Arrival is a revision, at the time its first build was made.
type Arrival struct {
	Project  string    `json:"project"`
	Revision string    `json:"revision"`
	At       time.Time `json:"at"`
}

// WaterfallQuery says which waterfall is wanted.
type WaterfallQuery struct {
	Project, Platform, Words string
	Until                    time.Time // zero: now
	Hours                    int       // 6, 24 or 72; 0: 24
	After                    weir.BuilderID
}

// Waterfall reads a waterfall.
func (c *Client) Waterfall(ctx context.Context, q WaterfallQuery) (Waterfall, error) {
	until := ""
	if !q.Until.IsZero() {
		until = q.Until.UTC().Format(time.RFC3339Nano)
	}
	return get[Waterfall](ctx, c, "/api/v1/waterfall", asked("project", q.Project, "platform", q.Platform, "q", q.Words, "until", until,
		"hours", counted(int64(q.Hours)), "after", counted(int64(q.After))))
}

// asked is a query of names and values, without those that are empty.
func asked(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// counted is a number in a query; 0 is left out.
func counted(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func yes(on bool, value string) string {
	if on {
		return value
	}
	return ""
}
