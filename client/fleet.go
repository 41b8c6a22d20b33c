package client

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
)

// WorkerDetail is a worker, and what it has done in the last four weeks.
type WorkerDetail struct {
	Worker
	Disk    *int64         `json:"disk,omitempty"`    // bytes free where it builds; nil: it did not say
	History *WorkerHistory `json:"history,omitempty"` // nil if the farm keeps none
}

// WorkerHistory is what a worker has done.
type WorkerHistory struct {
	Running []WorkerRun  `json:"running"`
	Last    []WorkerRun  `json:"last"`    // that have ended, newest first
	Trouble []WorkerRun  `json:"trouble"` // of the last ones those that ended in no answer
	Hours   []WorkerHour `json:"hours"`   // those with something in them, oldest first
	Days    []WorkerSum  `json:"days"`    // oldest first
	Weeks   []WorkerSum  `json:"weeks"`   // oldest first
}

// WorkerRun is something that a worker tried.
type WorkerRun struct {
	weir.Attempt
	Builder weir.Builder `json:"builder"`
	Cause   weir.Cause   `json:"cause"`
	Started time.Time    `json:"started,omitzero"` // of its first step
}

// WorkerHour is one hour of a worker.
type WorkerHour struct {
	Hour   time.Time     `json:"hour"`             // its beginning, UTC
	Use    float64       `json:"use"`              // of its slots, 0 to 1
	Ended  int           `json:"ended,omitempty"`  // attempts
	Infra  int           `json:"infra,omitempty"`  // of them in an infrastructure error
	Lost   int           `json:"lost,omitempty"`   // more that were lost
	Busy   time.Duration `json:"busy,omitempty"`   // of all slots together
	Waited time.Duration `json:"waited,omitempty"` // how long builds that ended in it had waited for a worker
}

// WorkerSum is a day or a week of a worker.
type WorkerSum struct {
	From   time.Time     `json:"from"`
	Use    float64       `json:"use"` // of its slots, 0 to 1
	Ended  int           `json:"ended"`
	Infra  int           `json:"infra"`
	Lost   int           `json:"lost"`
	Busy   time.Duration `json:"busy"`
	Waited time.Duration `json:"waited"`
}

// WorkerHistory reads a worker and what it has done; weir.NotFound if there is none.
func (c *Client) WorkerHistory(ctx context.Context, name string) (WorkerDetail, error) {
	path, err := workerPath(name, "")
	if err != nil {
		return WorkerDetail{}, err
	}
	return get[WorkerDetail](ctx, c, path, nil)
}

// WorkerRuns lists what a worker tried, newest first, at most limit (0: 100; at
// most 1,000).
func (c *Client) WorkerRuns(ctx context.Context, name string, limit int) ([]WorkerRun, error) {
	path, err := workerPath(name, "/runs")
	if err != nil {
		return nil, err
	}
	return get[[]WorkerRun](ctx, c, path, url.Values{"limit": {strconv.Itoa(limit)}})
}

// WorkerRefusal is a builder whose builds the owner of a worker does not want there.
type WorkerRefusal struct {
	Worker  string       `json:"worker"`
	Builder weir.Builder `json:"builder"`
	Build   weir.BuildID `json:"build"` // the newest that was refused
	Rule    weir.Rule    `json:"rule"`
	Text    string       `json:"text"`  // why, in the worker's words; may be empty
	Count   int          `json:"count"` // how often
	First   time.Time    `json:"first"`
	Last    time.Time    `json:"last"`
	Until   time.Time    `json:"until"`  // when it is asked again, unless its policy changes before
	Active  bool         `json:"active"` // it is not asked at present
}

// WorkerRefusals lists what a worker refused in the last 90 days, newest first, at
// most limit (0: 100; at most 1,000).
func (c *Client) WorkerRefusals(ctx context.Context, name string, limit int) ([]WorkerRefusal, error) {
	path, err := workerPath(name, "/refusals")
	if err != nil {
		return nil, err
	}
	return get[[]WorkerRefusal](ctx, c, path, url.Values{"limit": {strconv.Itoa(limit)}})
}

// Queue is what waits: builds and why they do, how much for each platform, and
// who has the locks.
type Queue struct {
	Builds []Waiting    `json:"builds"` // that have waited longest
	More   int          `json:"more"`   // builds that wait besides
	Depths []QueueDepth `json:"depths"` // by platform
	Locks  []QueueLock  `json:"locks"`  // that are held or wanted
}

// QueueDepth is how much waits for a platform, and what is there to take it.
type QueueDepth struct {
	Platform weir.Platform `json:"platform"`
	Queued   int           `json:"queued"`
	Blocked  int           `json:"blocked"`           // that wait for other builds
	Lanes    []QueueLane   `json:"lanes"`             // the same by cause, the fullest first
	Oldest   time.Time     `json:"oldest"`            // since when the oldest one waits
	Workers  int           `json:"workers"`           // that get work now
	Slots    int           `json:"slots"`             // of theirs
	Free     int           `json:"free"`              // of these
	Resting  int           `json:"resting,omitempty"` // workers that get none by a rule of their owners'
}

// QueueLane is how much waits for one cause.
type QueueLane struct {
	Cause weir.Cause `json:"cause"`
	Count int        `json:"count"`
}

// QueueLock is a lock, and who has it.
type QueueLock struct {
	Name    string         `json:"name"`
	Scope   weir.LockScope `json:"scope,omitempty"`
	Shares  int            `json:"shares"`
	Wanted  int            `json:"wanted"`  // builds that wait and want it
	Holders []LockHolder   `json:"holders"` // at most 20
	More    int            `json:"more,omitempty"`
}

// LockHolder is a build that has shares of a lock.
type LockHolder struct {
	Build   weir.BuildID `json:"build"`
	Builder weir.Builder `json:"builder"`
	Worker  string       `json:"worker"`
	Shares  int          `json:"shares"`
	Since   time.Time    `json:"since,omitzero"`
}

// Queue reads what waits, at most limit builds of it (0 and more than 200: 200).
func (c *Client) Queue(ctx context.Context, limit int) (Queue, error) {
	return get[Queue](ctx, c, "/api/v1/queue", url.Values{"limit": {strconv.Itoa(min(max(limit, 0), 200))}})
}

// Trends are the series of builders, or what moved lately over all of them.
type Trends struct {
	Builders []Trend     `json:"builders,omitempty"`
	More     int         `json:"more,omitempty"` // builders or moves that are left out
	Moved    []TrendMove `json:"moved"`          // durations, what is worse first
	Looked   int         `json:"looked"`         // builders that were looked at
	Projects []string    `json:"projects,omitempty"`
}

// Trend is all series of a builder.
type Trend struct {
	Builder weir.Builder `json:"builder"`
	Series  []Series     `json:"series"`
	Metrics []string     `json:"metrics,omitempty"` // names of all that its newest build measured
}

// Series is measurements of one kind, oldest first, and where their level changes.
type Series struct {
	Name   string       `json:"name"`
	Metric bool         `json:"metric,omitempty"` // the job says it of itself
	Unit   string       `json:"unit,omitempty"`
	Better string       `json:"better,omitempty"` // less or more of it; empty: nobody knows
	Points []TrendPoint `json:"points"`
	Shifts []Shift      `json:"shifts,omitempty"`
}

// TrendPoint is one measurement.
type TrendPoint struct {
	Build weir.BuildID `json:"build"`
	At    time.Time    `json:"at"`
	Value float64      `json:"value"`
}

// Shift is a change of a series' level: medians before and after, and by which
// part of the level before they differ.
type Shift struct {
	Index    int          `json:"index"` // of the first point of the new level
	Build    weir.BuildID `json:"build"` // of that point
	At       time.Time    `json:"at"`
	Before   float64      `json:"before"`
	After    float64      `json:"after"`
	Change   float64      `json:"change"`
	Worse    bool         `json:"worse,omitempty"`
	Known    bool         `json:"known,omitempty"` // whether it is worse or better
	Revision string       `json:"revision,omitempty"`
	Score    float64      `json:"score"` // how sure it is
}

// TrendMove is a shift of some builder's duration.
type TrendMove struct {
	Builder weir.Builder `json:"builder"`
	Series  string       `json:"series"`
	Unit    string       `json:"unit"`
	Shift
}

// TrendsOf reads all series of a builder; of 0, what moved lately on all builders.
// weir.NotFound if there is no such builder.
func (c *Client) TrendsOf(ctx context.Context, builder weir.BuilderID) (Trends, error) {
	q := url.Values{}
	if builder != 0 {
		q.Set("builder", strconv.FormatInt(int64(builder), 10))
	}
	return get[Trends](ctx, c, "/api/v1/trends", q)
}

// Compat is the answer to whether something works: yes, no or unknown, and what
// shows it.
type Compat struct {
	CompatAsk
	Sentence string           `json:"sentence"`          // the question as it was understood
	Strange  []string         `json:"strange,omitempty"` // words that were not
	Answer   string           `json:"answer"`            // yes, no or unknown
	Text     string           `json:"text"`              // one sentence
	Needed   string           `json:"needed,omitempty"`  // to know it, if it is unknown
	Near     string           `json:"near,omitempty"`    // the project that may have been meant
	Evidence []CompatEvidence `json:"evidence"`
	More     int              `json:"more,omitempty"` // evidence that is left out
	Cases    []CompatCase     `json:"cases,omitempty"`
	Files    []CompatFile     `json:"files,omitempty"` // of builds that passed
	Matrix   CompatMatrix     `json:"matrix"`
	Badge    CompatBadge      `json:"badge"`
	Projects []string         `json:"projects,omitempty"` // that can be asked for, if none was
}

// CompatAsk is a question in its parts.
type CompatAsk struct {
	Project  string `json:"project"`
	Of       string `json:"of,omitempty"` // version or branch of the project
	Upstream string `json:"upstream,omitempty"`
	Version  string `json:"version,omitempty"`  // of the upstream
	Platform string `json:"platform,omitempty"` // os/arch, or one of both
}

// CompatEvidence is what one builder says.
type CompatEvidence struct {
	Builder weir.Builder `json:"builder"`
	Build   CellBuild    `json:"build"` // its id is 0 if there is none
	Answer  string       `json:"answer"`
	Why     string       `json:"why"`
	Version string       `json:"version"`
	Newer   weir.BuildID `json:"newer,omitempty"`   // that says nothing
	Silence string       `json:"silence,omitempty"` // why it does not
	// Failed are tests that fail in it, at most 5; MoreFailed is how many more there are.
	Failed     []weir.TestID `json:"failed,omitempty"`
	MoreFailed int           `json:"more_failed,omitempty"`
}

// CompatCase is an open regression of what was asked for.
type CompatCase struct {
	ID    weir.RegressionID    `json:"id"`
	State weir.RegressionState `json:"state"`
	Since time.Time            `json:"since"`
	// Culprit is who did it, as far as that is known.
	Culprit weir.Culprit `json:"culprit,omitzero"`
}

// CompatFile is something to download, with Artifact.
type CompatFile struct {
	Build    weir.BuildID  `json:"build"`
	Platform weir.Platform `json:"platform"`
	weir.Artifact
}

// CompatMatrix has a row for each version of an upstream, a column for each platform.
type CompatMatrix struct {
	Platforms []weir.Platform `json:"platforms"`
	Rows      []CompatRow     `json:"rows"`
	More      int             `json:"more,omitempty"`
}

// CompatRow is one version.
type CompatRow struct {
	Upstream string       `json:"upstream,omitempty"`
	Version  string       `json:"version"`
	Cell     string       `json:"cell,omitempty"`
	Cells    []CompatCell `json:"cells"` // as CompatMatrix.Platforms
}

// CompatCell is what the newest build says that answers.
type CompatCell struct {
	Answer   string       `json:"answer,omitempty"` // empty: nothing is built there
	Build    weir.BuildID `json:"build,omitempty"`
	Executed int          `json:"executed,omitempty"` // tests that ran
	Expected int          `json:"expected,omitempty"`
	At       time.Time    `json:"at,omitzero"`
}

// CompatBadge is the answer in the few words of a badge.
type CompatBadge struct {
	Label   string `json:"label"`
	Message string `json:"message"`
	Answer  string `json:"answer"`
	// At is when the build ended on which the answer rests; Old says that this is so
	// long ago that the badge is grey.
	At  time.Time `json:"at,omitzero"`
	Old bool      `json:"old,omitempty"`
}

// Compat asks whether something works, in a sentence such as "twisted on cpython
// 3.14 on windows". What is not known is an answer, not an error.
func (c *Client) Compat(ctx context.Context, sentence string) (Compat, error) {
	return get[Compat](ctx, c, "/api/v1/compat", url.Values{"q": {sentence}})
}
