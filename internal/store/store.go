// Package store declares the ports through which the farm keeps its state.
//
// A port is a set of verbs, and each verb is one transaction: when it returns
// without error everything it says has happened, durably; when it returns an
// error nothing has. There is no queue, lease or counter outside the database,
// so several servers may share one: every verb is safe when called at once
// from many goroutines and many servers. Two databases implement the ports
// (packages sqlite and postgres) and one suite tests both (package storetest).
//
// What a verb is told can be checked without a database; see the Check methods.
//
// Errors are *weir.Error: NotFound, Conflict, Fenced, Invalid, or Internal
// with the database's own error as the hidden cause. Times are kept with
// microsecond precision in UTC.
package store

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
)

// Store is everything one database offers. Consumers ask for the port they
// need, not for this.
type Store interface {
	Changes
	Planner
	Leaser
	Judge
	Regressions
	Triage
	Flakes
	Builds
	Logs
	Overview
	Events
	Access
	Fleet
	Owners
	Timetable
	Refs
	Proposals
	Yields
	Configs
	Boards
	Audit
	Finder

	// Migrate brings the schema to the newest version. It is safe to call from
	// several servers at once. A schema newer than the program is Unsupported.
	Migrate(ctx context.Context) error
	// Close lets the database go.
	Close() error
}

// Changes keeps revisions and the state of polling.
type Changes interface {
	// ClaimPoll gives the caller the right to poll a source until the given
	// time, if nobody else has it and the source is due. Several servers poll
	// a source once, not once each.
	ClaimPoll(ctx context.Context, project, branch string, now, until time.Time) (bool, error)
	// RecordRevisions appends revisions, oldest first, behind the newest one
	// known, gives them positions, ends the claim and sets when the next poll
	// is due. Revisions already known are passed over. It returns the tip and
	// how many were new, and tells EventRevisions if any were.
	RecordRevisions(ctx context.Context, poll Poll) (weir.Tip, int, error)
	// RecordPollError notes why a poll came back empty-handed.
	RecordPollError(ctx context.Context, project, branch, message string, now, next time.Time) error
	// Sources lists what is known of every source ever polled, by project.
	Sources(ctx context.Context) ([]Source, error)
	// Tips lists the newest revision of every project that has one.
	Tips(ctx context.Context) ([]weir.Tip, error)
	// RecordSide keeps the revisions of a line that was merged, with positions from
	// 1 on, under a name of its own: nobody polls it, and it has no tip. One that
	// is known is left as it is.
	RecordSide(ctx context.Context, s Side) error
	// Revision finds one revision; NotFound if there is none.
	Revision(ctx context.Context, project, branch, id string) (weir.Revision, error)
	// RevisionRange lists revisions with first <= position <= last, in order.
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
	// RevisionsLike lists revisions whose id begins with prefix, newest first, at
	// most limit; the one with exactly that id, if there is one, stands first.
	RevisionsLike(ctx context.Context, project, branch, prefix string, limit int) ([]weir.Revision, error)
}

// Poll is what one look at a source found.
type Poll struct {
	Project, Branch string
	Revisions       []weir.Revision // oldest first; positions are ignored
	Now, Next       time.Time       // Next is when the source is due again
	// Settle is weir.Watch.Settle. While the branch is not quiet, Tip.Due stays
	// where it was when it last was; after MaxSettle times Settle it moves all the same.
	Settle time.Duration
}

// MaxSettle is how many times Watch.Settle a branch that never is quiet is waited for.
const MaxSettle = 10

// Side is a line of revisions that was merged into a branch.
type Side struct {
	Project   string
	Branch    string          // the line's name; not one that is polled
	Revisions []weir.Revision // oldest first, from the one on at which it forked off; positions are ignored
}

// Source is the state of polling one source.
type Source struct {
	Project  string    `json:"project"`
	Branch   string    `json:"branch,omitempty"`
	Polled   time.Time `json:"polled,omitzero"` // last time it answered
	Error    string    `json:"error,omitempty"` // why it does not answer; empty if it does
	ErrSince time.Time `json:"error_since,omitzero"`
}

// Planner makes runs.
type Planner interface {
	// EnsureBuilders finds or makes the builders with these keys, in order.
	EnsureBuilders(ctx context.Context, keys []weir.BuilderKey) ([]weir.Builder, error)
	// LineHeads finds, for each builder that has one, its newest build whose
	// cause advances the baseline, whatever its state.
	LineHeads(ctx context.Context, builders []weir.BuilderID) (map[weir.BuilderID]weir.Build, error)
	// CreateRun makes a run and its builds, in the order given. Builds that
	// may be shared are looked up first (see NewBuild.Share). If every build
	// turned out to exist already, no run is made and the run's ID is 0.
	//
	// A new build is blocked while a build it needs is unfinished, queued when
	// all are done, and finished as broken (upstream_build) if one of them
	// ended without a product; it is cancelled if one of them was, and skipped
	// (needs) if one did not end as NewBuild.When wants.
	//
	// A run for a new head of a proposal cancels what is unfinished of its earlier
	// runs, builds that run too, but not those whose job says weir.SupersededNever.
	CreateRun(ctx context.Context, run NewRun) (weir.Run, []weir.BuildID, error)
	// Cancel ends an unfinished build. A live attempt is fenced. Builds that
	// need it are cancelled too, and so are products that were to be made for it
	// alone, if nobody has begun them. Conflict if it is final already.
	Cancel(ctx context.Context, id weir.BuildID, reason weir.Reason, now time.Time) error
}

// NewRun is a run to be made.
type NewRun struct {
	Cause      weir.Cause
	Project    string
	Reason     string
	Regression weir.RegressionID
	Config     string // as in weir.Run; and so By, Params and Of
	By         string
	Params     []weir.EnvVar
	Of         weir.RunID
	// Occasion is what the run is made for, taken in the same transaction so that
	// nothing is made twice or forgotten; its zero value is nothing.
	Occasion Occasion
	Now      time.Time
	Builds   []NewBuild
	// Heads says where lines were when the caller looked: for each of these
	// builders, its newest build that advances the baseline, 0 if it has none.
	// Conflict if one is elsewhere by now, unless it has the pins of the run's
	// first such build of that builder. Builders that are not named are not looked at.
	Heads map[weir.BuilderID]weir.BuildID
}

// NewBuild is a build to be made.
type NewBuild struct {
	Builder weir.BuilderID
	// Cause is the build's own cause; empty means the run's.
	Cause weir.Cause
	Pins  weir.Pins
	Spec  weir.Spec
	// Needs are indexes of earlier entries of NewRun.Builds whose products
	// this build uses.
	Needs []int
	// After are indexes of earlier entries that must end first, and When says how:
	// all of them well (weir.WhenPassed; one whose job may fail has), at least one
	// badly (weir.WhenFailed: failed, broken or timed out), or any way
	// (weir.WhenAlways). Otherwise this build is skipped, with the reason
	// weir.ReasonNeeds, and those after it see that it did not pass.
	After    []int
	When     weir.When
	Locks    []weir.LockUse
	Priority int // higher first
	RetryOf  weir.BuildID
	Share    Share
	// Prefer and Avoid name workers: the one that should run it, and one that
	// should not. They are wishes: a build that waits for long goes to any. One
	// that stands in for it keeps its own.
	Prefer, Avoid string
	// Supersede cancels queued and blocked builds of the same builder that
	// a change or the time set off and that have other pins, and those that run too
	// if their job says weir.SupersededRunning. Those whose job says
	// weir.SupersededNever stay, that others need, and the first of the builder's
	// line, without which there is no baseline.
	Supersede bool
}

// Share says which existing build of the same builder and pins may stand in
// for a new one. None that leaves the baseline where it is does for one that
// advances it, or the line would never get there, and none of a stranger's
// (weir.Spec.Untrusted), which had no secrets, for one that is not.
type Share string

// The ways of sharing.
const (
	ShareNone    Share = "none"    // always a new build
	SharePending Share = "pending" // one that is not final yet
	ShareAny     Share = "any"     // one that is not final, or whose outcome SaysSomething
)

// Leaser hands builds to workers and takes their word for what happened.
type Leaser interface {
	// Hello records a worker, begins a new epoch for it, higher than any
	// before, and tells which of the attempts it says it holds are still its
	// own. Leases of earlier epochs are refused from now on. It ends a rest of the
	// worker; if its policy is another one now, it may be asked for all builders again.
	Hello(ctx context.Context, w weir.Worker, holds []weir.AttemptID) (epoch int64, keep []weir.AttemptID, err error)
	// Lease gives queued builds to a worker. In one transaction it reads up to
	// CandidateLimit queued builds of the worker's platform (see Queue), lets
	// choose pick from them, and turns the picked ones into attempts. It returns
	// at once, with none if there are none, or if the worker is paused, draining,
	// barred or resting. Builds that wait for their next try are no candidates.
	//
	// While choose sees a candidate that wants locks no other lease does, of this
	// server or another: what Held says stays true until the picked ones are leased.
	Lease(ctx context.Context, ask LeaseAsk, choose func(Queue) []weir.BuildID) ([]Leased, error)
	// Sync extends a lease and records step events and log frames. It is
	// idempotent: frames and events known already are passed over. Fenced if
	// the attempt is not live or the token is not its own.
	Sync(ctx context.Context, s Sync) (SyncAnswer, error)
	// Finish ends an attempt. An Infra outcome puts the build back to queued
	// while attempts are left; any other ends the build, unblocks the builds
	// that need its product, and ends those that cannot have it. Finishing
	// twice with the same token is not an error; Fenced otherwise.
	Finish(ctx context.Context, f Finish) (weir.Build, error)
	// Expire ends attempts whose lease has run out as lost and requeues their
	// builds, as Finish would. It returns the attempts it ended.
	Expire(ctx context.Context, now time.Time) ([]weir.AttemptID, error)
	// Rein takes back times that lie further ahead than a clock that is right
	// could have set them, because one was wrong: deadlines of live attempts,
	// when a build may be tried again, until when a worker is barred. Without
	// it a build could wait for as long as the clock was ahead.
	Rein(ctx context.Context, h Horizon) error
	// Workers lists the workers ever seen, by name.
	Workers(ctx context.Context) ([]weir.Worker, error)
	// Held tells which of the attempts are live and the worker's own.
	Held(ctx context.Context, worker string, ids []weir.AttemptID) ([]weir.AttemptID, error)
}

// Horizon says how far ahead times can lie.
type Horizon struct {
	Now    time.Time
	Lease  time.Duration // deadlines more than twice as far ahead become Now and this
	Retry  time.Duration // builds that wait for longer are let go at once
	Barred time.Duration // workers that are barred for longer are let go at once
}

// Fleet keeps what is known of workers beyond their leases.
type Fleet interface {
	// Worker finds one worker; NotFound if it never said hello.
	Worker(ctx context.Context, name string) (weir.Worker, error)
	// Pause holds a worker back from now on, and says why; what it runs goes
	// on. An empty reason lets it go on, and ends a quarantine too. NotFound
	// if there is no such worker.
	Pause(ctx context.Context, name, reason string, now time.Time) error
	// ClaimAbsences lists workers that have an owner and have been away since
	// before the time given, and have not been listed before; those that came
	// back are listed by ClaimReturns, once. Of several servers one gets each:
	// whoever is listed has to be told about by the caller. A worker whose
	// token was revoked is left out.
	ClaimAbsences(ctx context.Context, now, before time.Time) ([]weir.Worker, error)
	ClaimReturns(ctx context.Context, now time.Time) ([]weir.Worker, error)
	// Forget removes a worker that is away and has no live attempt; Conflict
	// otherwise.
	Forget(ctx context.Context, name string, now time.Time) error
}

// Logs keeps what steps print. While an attempt lives its frames are rows;
// later, or when there are many, they are sealed into segments.
type Logs interface {
	// LogSizes tells how much of each step's log is recorded, sealed or not.
	LogSizes(ctx context.Context, id weir.AttemptID) ([]LogSize, error)
	// LogFrames reads frames that are not sealed, from the one that holds the
	// byte with the given offset on, at most limit, in order.
	LogFrames(ctx context.Context, id weir.AttemptID, step int, offset int64, limit int) ([]weir.LogFrame, error)
	// LogSegments lists the sealed pieces of a step's log, in order and without
	// gaps from its first byte on. Frames go on where the last one ends.
	LogSegments(ctx context.Context, id weir.AttemptID, step int) ([]LogSegment, error)
	// Sealable lists logs with frames that can be sealed, oldest first: those
	// of ended attempts, and those of live ones with more than pending
	// compressed bytes in frames. A log that is one small frame is not among
	// them: a segment would be no better.
	Sealable(ctx context.Context, pending int64, limit int) ([]Sealing, error)
	// Seal puts a segment behind the last one and removes the frames that it
	// covers, which must be exactly its bytes; Conflict otherwise.
	Seal(ctx context.Context, s LogSegment) error
	// Loose lists logs that can be packed, at most limit: those of ended
	// attempts with at least LooseLog bytes in segments, some of them in blobs,
	// and nothing left to seal.
	Loose(ctx context.Context, limit int) ([]Packing, error)
	// Pack puts a segment in the place of old ones, which must be exactly those
	// that lie where it does, and begin where the log is not packed yet;
	// Conflict otherwise. A segment with neither blob nor data stands for them:
	// they stay as they are. It returns which of the old ones' blobs no segment
	// needs any more.
	Pack(ctx context.Context, old []LogSegment, s LogSegment) (unused []weir.Digest, err error)
}

// LooseLog is how long a log is at least, in bytes of text, to be packed.
const LooseLog = 1 << 20

// Packing is a log whose segments can be packed more densely.
type Packing struct {
	Attempt weir.AttemptID
	Step    int
	Offset  int64 // where those begin that are not packed yet
}

// Sealing is a log whose frames can be sealed.
type Sealing struct {
	Attempt weir.AttemptID
	Step    int
	Offset  int64 // where its frames begin
	Bytes   int64 // uncompressed, in frames
	Live    bool  // more may come
}

// LogSegment is a piece of one step's log that will not change.
type LogSegment struct {
	Attempt   weir.AttemptID
	Step      int
	Offset    int64 // of its first byte in the log, uncompressed
	FirstLine int64 // number of the line its first byte belongs to, from 0
	Bytes     int64 // uncompressed
	Lines     int64 // newlines
	// Either Digest names the blob that holds it, or Data does, at most
	// MaxInlineSegment bytes.
	Digest weir.Digest
	Data   []byte
}

// MaxInlineSegment is how long a segment may be, in bytes, to be kept in the
// database itself.
const MaxInlineSegment = 64 << 10

// Limits of what a lease looks at.
const (
	CandidateLimit = 200 // queued builds
	// LaneLimit is how many lanes these are of. Where more have queued builds,
	// leases look at them by turns.
	LaneLimit = 50
)

// Candidate is a queued build a worker might get.
type Candidate struct {
	Build    weir.BuildID
	Builder  weir.Builder
	Cause    weir.Cause
	Priority int
	Queued   time.Time
	Attempts int
	Labels   []string // that its job asks for
	// Prefer and Avoid are as in NewBuild.
	Prefer, Avoid string
	Locks         []weir.LockUse
	// Lane is whose change it serves: the project of its run. Lanes take turns.
	Lane string
	// Products are the digests of what it will unpack.
	Products []weir.Digest
}

// Queue is what a worker may choose from.
type Queue struct {
	// Candidates are queued builds, by priority and age. However many one lane
	// has, the others are among them: of each lane that a lease looks at those
	// that come first and the oldest one, and of all lanes those that come first.
	Candidates []Candidate
	// Held lists the locks of builds that are leased or running, if a candidate
	// wants one. The end of such an attempt is told as EventQueue of the platforms
	// on which builds wait that want locks.
	Held []Held
}

// Held is a build's hold on locks.
type Held struct {
	Build  weir.BuildID
	Worker string
	Locks  []weir.LockUse
}

// LeaseAsk is a worker's wish for work.
type LeaseAsk struct {
	Worker   string
	Platform weir.Platform
	Now      time.Time
	Deadline time.Time // of the new leases
	// Tokens holds hashes of fresh secrets, one per build the worker has room
	// for; they fence the attempts.
	Tokens []string
	// Epoch and Seq fence leases: Conflict unless Epoch is the worker's own and
	// Seq higher than that of its last lease that gave it something; one that
	// gave nothing may be asked again. Live attempts of the worker that are not
	// in Holds end as undelivered first, and their builds are queued again.
	// Epoch 0 does neither.
	Epoch, Seq int64
	Holds      []weir.AttemptID
	// Undelivered says when a build may be leased again whose attempt ended like
	// that, by the number of its attempts that did; nil means at once. It
	// keeps a worker that dies of an assignment from getting it without end.
	Undelivered func(times int) time.Time
	// Picky leaves out builders that the worker refuses; see Owners.
	Picky bool
	// Glance is about how many candidates are read first, if the caller knows that
	// they are alike; all are read if choose takes none of those. 0 means all.
	Glance int
}

// Leased is a build that was just given to a worker.
type Leased struct {
	Attempt weir.AttemptID
	Token   string // the hash from LeaseAsk.Tokens that belongs to it
	Build   weir.Build
	Spec    weir.Spec // with the products of its inputs filled in
}

// Sync is what a worker reports while an attempt runs.
type Sync struct {
	Attempt  weir.AttemptID
	Token    string // hash
	Seq      int64  // grows with each sync of the attempt; an older one changes no step
	Now      time.Time
	Deadline time.Time
	Steps    []weir.StepRecord // those that changed
	Frames   []weir.LogFrame   // in order, each beginning where the step's log ends
	// Sealed lists segments, at most one a step, which hold what of the step's
	// log is in frames so far, and behind it frames of this message. One that
	// fits exactly takes the place of all those: big logs are written once. One
	// that does not, because the log has grown or was sealed meanwhile, is
	// passed over, and the frames are recorded by themselves.
	Sealed []LogSegment
}

// SyncAnswer is what the worker learns from a sync.
type SyncAnswer struct {
	// Offsets says, per step, up to which byte the log is recorded. A worker
	// sends on from there.
	Offsets map[int]int64
	// Cancel is set when the attempt should end; it is then fenced already,
	// and the reason says why.
	Cancel *weir.Reason
}

// Finish is how an attempt ended.
type Finish struct {
	Attempt weir.AttemptID
	Token   string // hash
	Now     time.Time
	Outcome weir.Outcome
	Reason  weir.Reason
	Steps   []weir.StepRecord // all of them, final
	Product weir.Product
	Results weir.Digest
	Counts  weir.Counts
	// Artifacts, Metrics and Summary are kept for people; see Yields. Invalid if
	// they are over a limit, a path is not a clean one below the checkout, or a
	// value is no number. Of two with one name the later one counts. With an outcome
	// of Infra they are dropped.
	Artifacts []weir.Artifact
	Metrics   []weir.Metric
	Summary   string
	// Surroundings is where it ran; Invalid if a number in it is none, and its
	// directory is cut at MaxDirectory.
	Surroundings weir.Surroundings
	// Frames are appended to the log in the same transaction; Conflict if they
	// do not begin where it ends. Sealed is as in Sync.
	Frames []weir.LogFrame
	Sealed []LogSegment
	// Retry is when the build may be leased again, if it is to be tried again.
	Retry time.Time
	// Barred is set if the fault was the worker's own. It is then one strike
	// more, and Barred says until when that many strikes keep it from work;
	// the zero time if they do not. An outcome other than Infra clears them.
	Barred func(strikes int) time.Time
}

// Judge keeps what the farm concludes from finished builds.
type Judge interface {
	// Pending tells what there is to look at. It is cheap, so that whoever
	// judges and searches may ask often and do nothing when there is nothing.
	Pending(ctx context.Context) (Pending, error)
	// NextToJudge lists final builds that are unjudged, oldest first, at most
	// limit. A build that advances its builder's baseline is listed only when
	// every earlier such build of the builder is settled or unusable, or listed
	// before it: the caller judges them in order.
	NextToJudge(ctx context.Context, limit int) ([]weir.Build, error)
	// Baseline reads the settled states of all tests of a builder, sorted by
	// test, and the newest settled build (nil if there is none).
	Baseline(ctx context.Context, builder weir.BuilderID) (states []weir.TestState, last *weir.Build, err error)
	// Settle records a judgement, and with it everything that follows: changed
	// test states, verdicts, regressions opened. A Fixed change marks that
	// builder's victims of open regressions; a located or narrowed regression
	// whose victims are all fixed becomes Recovered, one that is still being
	// searched stays open until the search ends. Conflict if the build's
	// judgement is not the expected one any more.
	Settle(ctx context.Context, s Settlement) error
	// Doubted lists builds whose judgement is Doubted, with their retries.
	Doubted(ctx context.Context) ([]Doubt, error)
	// Absent lists the tests of a builder that do not run though they should,
	// by cause and test: at most limit of them (0: 100; at most 1,000), and how
	// many there are.
	Absent(ctx context.Context, builder weir.BuilderID, limit int) ([]weir.TestState, int, error)
	// KnownOn lists the builders of a project that know a test, or have known
	// it: those of one job, or of all if job is empty. At most 1,000.
	KnownOn(ctx context.Context, project, job string, test weir.TestID) ([]weir.Builder, error)
	// History reads what is kept of one test on one builder, with at most limit
	// changes (0: 100; at most MaxHistory), the newest ones. Nothing is known of
	// it if State is nil and there are no events.
	History(ctx context.Context, builder weir.BuilderID, test weir.TestID, limit int) (TestHistory, error)
	// SettledAt finds settled builds of a builder by number, at most 1,000, by
	// number. Those that are not kept any more are missing.
	SettledAt(ctx context.Context, builder weir.BuilderID, numbers []int) ([]SettledBuild, error)
	// BuildChanges lists the tests of a build whose verdict is not Same,
	// worst verdict first, then by test: at most limit of them (0: 100; at most
	// 1,000), behind the first offset. Of new tests it knows MaxNew.
	BuildChanges(ctx context.Context, id weir.BuildID, offset, limit int) ([]weir.TestChange, error)
}

// MaxNew is how many new tests of one build are kept as changes of it, those
// that come first in the order of their tests. All are counted and get a state,
// and any other change of a test is kept, however many there are: but the first
// build of a large suite would write every test down twice to say of each that
// it is new.
const MaxNew = 10_000

// Pending says which lists of Judge and Regressions are not empty.
type Pending struct {
	Unjudged  bool // final builds without a judgement
	Doubted   bool // builds that are
	Searching bool // regressions in this state
	Located   bool // regressions in this state, two or more
	// LocatedCount is how many those are, and LocatedAt when one of them was last
	// changed; both are zero if Located is false.
	LocatedCount int
	LocatedAt    time.Time
}

// Settlement is the outcome of holding a build against its baseline.
type Settlement struct {
	Build  weir.BuildID
	Expect weir.Judgement // what it must be now
	Become weir.Judgement
	Now    time.Time
	// States replaces the baseline of these tests; Forget removes it.
	States  []weir.TestState
	Forget  []weir.TestID
	Changes []weir.TestChange
	// Renames moves this builder's open victims to the names that their tests
	// have now.
	Renames []Rename
	// Failing lists what failing tests say now, if it may be something else than
	// before. An open victim that failed differently is fixed when its test says
	// something else than what it is accused of.
	Failing []Failure
	// Ledger accounts for the build's tests.
	Ledger weir.Ledger
	// Flakes are runs of tests that were good and bad at the build's revisions.
	Flakes []FlakeRun
	// Retry is a run to be made in the same transaction; nil for none.
	Retry *NewRun
	// Open holds regressions to be opened; their ids are ignored.
	Open []weir.Regression
	// Reopen holds regressions that were fixed and are bad again: their Good,
	// Bad, Confirmed, Path, Suspects, Note and Victims take the place of what they
	// had, and they are searched anew. What was observed on the old path is
	// forgotten; the log keeps what came of it. Conflict if one is not fixed.
	Reopen []weir.Regression
}

// Rename is a test that goes on under another name.
type Rename struct{ From, To weir.TestID }

// Failure is what a test that fails says.
type Failure struct {
	Test      weir.TestID
	Signature string // one, and not weir.AnySignature
}

// Doubt is a build with something newly bad, and the builds that repeat it.
type Doubt struct {
	Build   weir.Build
	Retries []weir.Build // oldest first
}

// Limits of a TestHistory, in changes.
const (
	MaxHistory      = 10_000 // in all
	DetailedHistory = 200    // with everything that is known of them
)

// TestHistory is what is kept of one test on one builder.
type TestHistory struct {
	First, Last SettledBuild    // of the builder; zero if it has none
	State       *weir.TestState // nil: it does not know the test, or not any more
	Since       SettledBuild    // State.Since; zero if that is not kept any more
	// Events are the test's changes, newest first. That a test is new is listed
	// even if it was over MaxNew, for as long as nothing else has happened to it.
	Events []TestEvent
	// Repeats are in the order of their builds, at most MaxHistory.
	Repeats []Repeat
}

// SettledBuild is a build that has moved its builder's baseline.
type SettledBuild struct {
	Number int          `json:"number"` // counts the builder's settled builds from 1; 0: it is not settled
	Build  weir.BuildID `json:"build"`
	At     time.Time    `json:"at"` // when it finished
}

// TestEvent is one change in a test's history. Those behind the first
// DetailedHistory have no Pins, Before, Outcome, and of Change only the verdict,
// the statuses and the signature.
type TestEvent struct {
	SettledBuild
	Pins    weir.Pins       `json:"pins"`
	Before  weir.Pins       `json:"before,omitempty"` // of the settled build before; nil if there was none
	Change  weir.TestChange `json:"change"`
	Outcome weir.Outcome    `json:"outcome"` // of the build
}

// Repeat is what another build at the revisions of a settled one said of a test.
type Repeat struct {
	Number int          // of the settled one
	Build  weir.BuildID // the other one
	Bad    bool
}

// Regressions keeps open and closed episodes.
type Regressions interface {
	// Regressions lists regressions, newest first.
	Regressions(ctx context.Context, f RegressionFilter) ([]weir.Regression, error)
	// CountRegressions counts regressions, and what they have made bad; Before and
	// Limit of the filter mean nothing.
	CountRegressions(ctx context.Context, f RegressionFilter) (RegressionCount, error)
	// Regression finds one, with its victims; NotFound if there is none.
	Regression(ctx context.Context, id weir.RegressionID) (weir.Regression, error)
	// Advance changes an open regression and what hangs on it in one step;
	// see RegressionUpdate. Conflict if it was changed by somebody else since
	// it was read (by its Updated time).
	Advance(ctx context.Context, u RegressionUpdate) error
	// Relabel records the Blame, Corners, Culprit, Checks, FixedBy and Note of a
	// regression, open or closed, and nothing else of it, and logs it with the
	// builds that show it. Conflict if it was changed by somebody else since it
	// was read, NotFound if there is none.
	Relabel(ctx context.Context, r weir.Regression, grounds []weir.BuildID, now time.Time) error
	// Evidence lists builds of a builder, finished or not, whose ids are since
	// or higher, oldest first. Those whose outcome is final but says nothing
	// about their revisions are left out.
	Evidence(ctx context.Context, builder weir.BuilderID, since weir.BuildID) ([]weir.Build, error)
	// Marks tells where builders stand: as long as the mark of one is the same, no
	// build was made on it and none has ended, so that Evidence lists what it did.
	Marks(ctx context.Context, builders []weir.BuilderID) (map[weir.BuilderID]Mark, error)
	// Observe records what a finished build says about a regression's victims.
	Observe(ctx context.Context, id weir.RegressionID, p weir.Probe) error
	// Probes lists the builds on a regression's path, by position and age.
	Probes(ctx context.Context, id weir.RegressionID) ([]weir.Probe, error)
}

// Mark is where a builder stands.
type Mark struct {
	Newest     weir.BuildID // of its builds; 0: it has none
	Unfinished int          // how many of them have not ended
}

// RegressionFilter narrows a list of regressions.
type RegressionFilter struct {
	States  []weir.RegressionState // empty: all
	Builder weir.BuilderID         // with a victim on it; 0: any
	Project string                 // with a victim in it or a culprit of it; empty: any
	Aims    []weir.Aim             // empty: AimBreak only
	Of      weir.RegressionID      // those that are searched for this one, whatever their aim; 0: any
	// ClosedSince lists those that were closed at this time or later; zero: all.
	ClosedSince time.Time
	Before      weir.RegressionID // ids below this one; 0: all
	Limit       int               // 0: 100
}

// RegressionCount counts regressions.
type RegressionCount struct {
	Regressions int
	Tests       int // that they made bad and that are not good again; on each builder
}

// RegressionUpdate is one step of a search.
type RegressionUpdate struct {
	// Regression holds the new state, suspects, culprit, blame, corners, checks,
	// follows, confirmed, belief, note and victims; its id says which one, its Updated
	// must be as it was read.
	Regression weir.Regression
	Now        time.Time
	// Grounds are the builds that show why the state changes.
	Grounds []weir.BuildID
	// Probes are runs to be made in the same transaction.
	Probes []NewRun
	// Split holds regressions to be opened from victims that went elsewhere;
	// the recorded observations of the original are copied for them.
	Split []weir.Regression
	// States replaces the baseline of these tests on the regression's builder:
	// what turned out to be flaky was never bad.
	States []weir.TestState
	// Flakes are runs of victims on the regression's builder that were good and
	// bad at equal revisions.
	Flakes []FlakeRun
	// MergeInto hands all victims to another regression; 0 for none.
	MergeInto weir.RegressionID
}

// Builds reads builds.
type Builds interface {
	// Build finds a build; NotFound if there is none.
	Build(ctx context.Context, id weir.BuildID) (weir.Build, error)
	// BuildSpec reads what the worker was told.
	BuildSpec(ctx context.Context, id weir.BuildID) (weir.Spec, error)
	// ListBuilds lists builds, newest first.
	ListBuilds(ctx context.Context, f BuildFilter) ([]weir.Build, error)
	// Attempts lists the attempts of a build, oldest first.
	Attempts(ctx context.Context, id weir.BuildID) ([]weir.Attempt, error)
	// Steps lists the steps of an attempt in order.
	Steps(ctx context.Context, id weir.AttemptID) ([]weir.StepRecord, error)
	// Needs lists the builds whose products a build uses.
	Needs(ctx context.Context, id weir.BuildID) ([]weir.BuildID, error)
	// After lists the builds that must end before a build begins; see NewBuild.After.
	After(ctx context.Context, id weir.BuildID) ([]weir.BuildID, error)
}

// BuildFilter narrows a list of builds.
type BuildFilter struct {
	Run     weir.RunID
	Project string
	Builder weir.BuilderID
	RetryOf weir.BuildID // those that repeat this one; 0: any
	States  []weir.State
	Before  weir.BuildID // ids below this one; 0: all
	Limit   int          // 0: 100; at most 1,000
}

// LogSize is how much of one step's log is recorded.
type LogSize struct {
	Step  int   `json:"step"`
	Bytes int64 `json:"bytes"`
	Lines int64 `json:"lines"` // newlines
	// Sealed is how many of the bytes are in segments, Pending how many bytes
	// the frames with the rest of them have, compressed.
	Sealed  int64 `json:"-"`
	Pending int64 `json:"-"`
}

// Overview reads what the front page shows.
type Overview interface {
	// Run finds a run; NotFound if there is none.
	Run(ctx context.Context, id weir.RunID) (weir.Run, error)
	// Runs lists runs, newest first, with ids below before (0: all).
	Runs(ctx context.Context, before weir.RunID, limit int) ([]weir.Run, error)
	// BuilderHeads lists every builder with its newest builds that advance its
	// baseline and are leased, running or finished, newest first, at most
	// recent of them. Those that ended in infrastructure are among them: a
	// builder that cannot build must not look as good as its last good build.
	BuilderHeads(ctx context.Context, recent int) ([]BuilderHead, error)
	// QueueDepth counts builds by unfinished state.
	QueueDepth(ctx context.Context) (map[weir.State]int, error)
}

// BuilderHead is a builder and its recent builds.
type BuilderHead struct {
	Builder weir.Builder `json:"builder"`
	Recent  []weir.Build `json:"recent"`
}

// Events is the farm's growing list of what happened.
type Events interface {
	// EventsAfter lists events with a higher number, in order. Every verb that
	// changes something tells its events in its own transaction, and a number
	// once passed is never used later by a transaction that commits after it.
	EventsAfter(ctx context.Context, seq int64, limit int) ([]weir.Event, error)
	// LastEvent is the number of the newest event, 0 if there is none.
	LastEvent(ctx context.Context) (int64, error)
	// Wake returns a channel that receives, without blocking the sender, when
	// events may have been added here or by another server, and a function
	// that ends it. A missed wake-up costs latency, never correctness: whoever
	// waits also looks at intervals.
	Wake() (<-chan struct{}, func())
	// PruneEvents removes events older than the time given.
	PruneEvents(ctx context.Context, before time.Time) (int64, error)
}
