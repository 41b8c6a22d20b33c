package weir

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Cause says what set a run off.
type Cause string

// The closed set of causes.
const (
	CauseChange Cause = "change" // new revisions of a project or of one of its upstreams
	CauseForce  Cause = "force"  // a person
	CauseRetry  Cause = "retry"  // something was newly bad: the same revisions again
	CauseProbe  Cause = "probe"  // a bisection asks about revisions between good and bad
	CauseCron   Cause = "cron"   // the time had come
	CauseTry    Cause = "try"    // somebody's change that is not committed yet
	CausePull   Cause = "pull"   // a pull request
	CauseTag    Cause = "tag"    // a new tag
	CauseRerun  Cause = "rerun"  // a person wants an earlier run, or what failed of it, again at the same revisions
	// CauseProduct is the cause of a build, never of a run: another build
	// needs its product at revisions that its own builder does not stand at.
	CauseProduct Cause = "product"
)

// Causes lists every cause.
func Causes() []Cause {
	return []Cause{CauseChange, CauseForce, CauseRetry, CauseProbe, CauseCron, CauseTry, CausePull, CauseTag, CauseRerun, CauseProduct}
}

// Advances reports whether builds of such a run move their builder's
// baseline forward. Retries and probes only answer questions; what is tried or
// proposed is on no branch.
func (c Cause) Advances() bool { return c == CauseChange || c == CauseForce || c == CauseCron }

// Guest reports whether builds of such a run are at a revision of their project
// that is on no line of the farm. They are held against the baseline, and leave it.
func (c Cause) Guest() bool { return c == CauseTry || c == CausePull || c == CauseTag }

// Run is everything that one cause sets off.
type Run struct {
	ID      RunID     `json:"id"`
	Cause   Cause     `json:"cause"`
	Project string    `json:"project"` // whose change, or whose question
	Reason  string    `json:"reason"`  // one line for people
	Created time.Time `json:"created"`
	// Regression is set for probes.
	Regression RegressionID `json:"regression,omitempty"`
	// Config is the version of the configuration that made it.
	Config string `json:"config,omitempty"`
	By     string `json:"by,omitempty"` // who set it off; empty: the farm
	// Params are what that person chose, by the names of the parameters.
	Params []EnvVar `json:"params,omitempty"`
	// Of is the run that this one repeats.
	Of RunID `json:"of,omitempty"`
	// Proposal is set for pull requests.
	Proposal ProposalID `json:"proposal,omitempty"`
}

// BuilderKey says which builds are comparable.
type BuilderKey struct {
	Project  string   `json:"project"`
	Job      string   `json:"job"`
	Cell     string   `json:"cell,omitempty"`
	Platform Platform `json:"platform"`
	Branch   string   `json:"branch,omitempty"`
	// Upstreams are the names of the projects it is built against, sorted and
	// joined by commas.
	Upstreams string `json:"upstreams,omitempty"`
}

// Builder is a series of comparable builds, the unit of history.
type Builder struct {
	ID BuilderID `json:"id"`
	BuilderKey
}

// Name renders the key for people, for example "twisted/test linux/amd64".
func (k BuilderKey) Name() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s/%s", k.Project, k.Job)
	for _, part := range []string{k.Cell, k.Branch, string(k.Platform)} {
		if part != "" {
			b.WriteString(" " + part)
		}
	}
	return b.String()
}

// Pins says which revision of each project a build uses: its own and those of
// everything upstream of it, by project name.
type Pins map[string]string

// Key renders the pins as NAME@REVISION, sorted by name and separated by
// spaces. Equal pins have equal keys.
func (p Pins) Key() string {
	parts := make([]string, 0, len(p))
	for name, rev := range p {
		parts = append(parts, name+"@"+rev)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

// Only returns the pins of the named projects.
func (p Pins) Only(projects []string) Pins {
	out := make(Pins, len(projects))
	for _, name := range projects {
		if rev, ok := p[name]; ok {
			out[name] = rev
		}
	}
	return out
}

// State is where a build is in its life. docs/states.md draws it.
type State string

// The closed set of states.
const (
	Blocked   State = "blocked"   // waits for a product of another build
	Queued    State = "queued"    // waits for a worker
	Leased    State = "leased"    // given to a worker, nothing heard of it yet
	Running   State = "running"   // the worker has reported a step
	Finished  State = "finished"  // has an outcome
	Cancelled State = "cancelled" // ended before it had an outcome of its own
)

// States lists every state, in the order of a build's life.
func States() []State { return []State{Blocked, Queued, Leased, Running, Finished, Cancelled} }

// transitions lists, for every state, where a build may go from there.
var transitions = map[State][]State{
	Blocked: {Queued, Finished, Cancelled},          // finished: the product it waits for cannot be had
	Queued:  {Leased, Cancelled},                    //
	Leased:  {Running, Queued, Finished, Cancelled}, // queued: the attempt was lost
	Running: {Queued, Finished, Cancelled},          // queued: the attempt was lost or ended in an infrastructure error
}

// Next lists the states that may follow s. Final states have none.
func (s State) Next() []State { return slices.Clone(transitions[s]) }

// CanBecome reports whether a build may go from s to next.
func (s State) CanBecome(next State) bool { return slices.Contains(transitions[s], next) }

// Final reports whether a build in this state stays there.
func (s State) Final() bool { return s == Finished || s == Cancelled }

// Outcome is how a build or an attempt ended.
type Outcome string

// The closed set of outcomes.
const (
	Passed           Outcome = "passed"
	Failed           Outcome = "failed"    // steps or tests
	Broken           Outcome = "broken"    // could not get to the tests
	TimedOut         Outcome = "timed_out" // its own time limit
	Infra            Outcome = "infra"     // the farm's fault; never counted against a project
	OutcomeCancelled Outcome = "cancelled"
	Skipped          Outcome = "skipped" // nothing to do
)

// Outcomes lists every outcome.
func Outcomes() []Outcome {
	return []Outcome{Passed, Failed, Broken, TimedOut, Infra, OutcomeCancelled, Skipped}
}

// SaysSomething reports whether a build with this outcome is evidence about
// its revisions.
func (o Outcome) SaysSomething() bool {
	return o == Passed || o == Failed || o == Broken || o == TimedOut
}

// ReasonCode says why a build has its outcome.
type ReasonCode string

// The closed set of reasons. Outcome tells which outcome each one leads to.
const (
	ReasonNone           ReasonCode = ""                // passed
	ReasonTests          ReasonCode = "tests"           // a test failed
	ReasonStep           ReasonCode = "step"            // a step failed, and no test says why
	ReasonNoResults      ReasonCode = "no_results"      // the steps were fine, the results file was not there or could not be read
	ReasonCheckout       ReasonCode = "checkout"        // the revision cannot be checked out
	ReasonPrepare        ReasonCode = "prepare"         // a step failed before any test ran
	ReasonUpstreamBuild  ReasonCode = "upstream_build"  // the product it needs could not be built
	ReasonTimeout        ReasonCode = "timeout"         // the total time limit
	ReasonQuiet          ReasonCode = "quiet"           // no output for too long
	ReasonLost           ReasonCode = "lost"            // the lease expired; the worker is gone
	ReasonUndelivered    ReasonCode = "undelivered"     // the worker never learnt of it, or forgot it; does not count towards MaxAttempts
	ReasonRefused        ReasonCode = "refused"         // the worker's owner does not want it there; does not count towards MaxAttempts
	ReasonWorker         ReasonCode = "worker"          // the worker could not do its part
	ReasonDiskFull       ReasonCode = "disk_full"       // the worker's disk is full
	ReasonSourceDown     ReasonCode = "source_down"     // the source did not answer
	ReasonProductMissing ReasonCode = "product_missing" // the product could not be fetched or unpacked
	ReasonRequested      ReasonCode = "requested"       // a person cancelled it
	ReasonSuperseded     ReasonCode = "superseded"      // a newer revision took its place in the queue
	ReasonNothing        ReasonCode = "nothing"         // nothing to do
	ReasonNeeds          ReasonCode = "needs"           // a job that it needs did not end as it should
	ReasonSecret         ReasonCode = "secret"          // a secret that it asks for cannot be had
	ReasonService        ReasonCode = "service"         // a service did not become ready
)

var reasonOutcomes = map[ReasonCode]Outcome{
	ReasonNone: Passed, ReasonTests: Failed, ReasonStep: Failed, ReasonNoResults: Broken,
	ReasonCheckout: Broken, ReasonPrepare: Broken, ReasonUpstreamBuild: Broken,
	ReasonTimeout: TimedOut, ReasonQuiet: TimedOut,
	ReasonLost: Infra, ReasonUndelivered: Infra, ReasonRefused: Infra, ReasonWorker: Infra, ReasonDiskFull: Infra, ReasonSourceDown: Infra,
	ReasonProductMissing: Infra,
	ReasonRequested:      OutcomeCancelled, ReasonSuperseded: OutcomeCancelled,
	ReasonNothing: Skipped, ReasonNeeds: Skipped,
	ReasonSecret: Infra, ReasonService: Broken,
}

// ReasonCodes lists every reason, sorted.
func ReasonCodes() []ReasonCode {
	codes := make([]ReasonCode, 0, len(reasonOutcomes))
	for c := range reasonOutcomes {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	return codes
}

// Outcome is the outcome that the reason leads to; an unknown reason is
// infrastructure, so that it can never accuse anybody.
func (c ReasonCode) Outcome() Outcome {
	if o, ok := reasonOutcomes[c]; ok {
		return o
	}
	return Infra
}

// Reason is a code and one line for people, safe to show.
type Reason struct {
	Code ReasonCode `json:"code,omitempty"`
	Text string     `json:"text,omitempty"` // at most MaxReason bytes
}

// MaxReason limits a reason's text, in bytes.
const MaxReason = 1 << 10

// Judgement is how far the farm is with holding a finished build against its
// builder's baseline.
type Judgement string

// The closed set of judgement states.
const (
	Unjudged  Judgement = ""          // not looked at yet
	Doubted   Judgement = "doubted"   // something is newly bad; the same build runs again
	Settled   Judgement = "settled"   // compared; the baseline has moved if the build advances it
	Unusable  Judgement = "unusable"  // says nothing about its revisions: infrastructure, cancelled
	Answering Judgement = "answering" // a retry or a probe: evidence for somebody else's question
)

// MaxAttempts is how many attempts of a build may end in infrastructure
// errors before the build does.
const MaxAttempts = 3

// Build is one job of a run, at pinned revisions of its project and its upstreams.
type Build struct {
	ID       BuildID   `json:"id"`
	Run      RunID     `json:"run"`
	Cause    Cause     `json:"cause"`
	Builder  Builder   `json:"builder"`
	Pins     Pins      `json:"pins"`
	State    State     `json:"state"`
	Outcome  Outcome   `json:"outcome,omitempty"` // set when State is final
	Reason   Reason    `json:"reason,omitzero"`
	Created  time.Time `json:"created"`
	Started  time.Time `json:"started,omitzero"`  // first step of the newest attempt
	Finished time.Time `json:"finished,omitzero"` // when State became final
	Attempts int       `json:"attempts"`          // how many there were
	Worker   string    `json:"worker,omitempty"`  // of the newest attempt
	RetryOf  BuildID   `json:"retry_of,omitempty"`
	Product  Product   `json:"product,omitzero"`
	Results  Digest    `json:"results,omitempty"` // blob of the result set
	Counts   Counts    `json:"counts,omitzero"`
	// Judgement, Changes and Ledger are set by the farm after the build.
	Judgement Judgement     `json:"judgement,omitempty"`
	Changes   VerdictCounts `json:"changes,omitzero"`
	Ledger    Ledger        `json:"ledger,omitzero"`
}

// Revision is the revision of the build's own project.
func (b Build) Revision() string { return b.Pins[b.Builder.Project] }

// Hollow reports whether a build passed though none of its tests ran; see Hollow.
func (b Build) Hollow() bool { return Hollow(b.Outcome, b.Counts, b.Ledger) }

// Hollow reports whether what ended like that, with these tests, passed though none
// of them ran: all were skipped, or should have reported and did not. It is no
// evidence that anything works. A build without any tests, such as that of a
// library or a linter, is not hollow.
func Hollow(o Outcome, tests Counts, due Ledger) bool {
	return o == Passed && tests.Executed() == 0 && (tests.Total() > 0 || due.Due() > 0)
}

// Product is the installed tree that an upstream's build hands to downstream
// builds. It is unpacked at the path it was built for.
type Product struct {
	Digest Digest `json:"digest,omitempty"` // of the packed tree; empty: no product
	Prefix string `json:"prefix,omitempty"` // absolute path on the worker
	Size   int64  `json:"size,omitempty"`   // bytes, packed
}

// Attempt is one try of a build by one worker.
type Attempt struct {
	ID       AttemptID `json:"id"`
	Worker   string    `json:"worker"`
	Leased   time.Time `json:"leased"`
	Deadline time.Time `json:"deadline"` // when the lease expires unless the worker syncs
	Ended    time.Time `json:"ended,omitzero"`
	Outcome  Outcome   `json:"outcome,omitempty"` // set when Ended is
	Reason   Reason    `json:"reason,omitzero"`
	// Surroundings is what the worker said of them when it finished.
	Surroundings Surroundings `json:"surroundings,omitzero"`
}

// Live reports whether the attempt still holds its lease.
func (a Attempt) Live() bool { return a.Ended.IsZero() }

// StepState is where a step is in its life.
type StepState string

// The closed set of step states.
const (
	StepWaiting StepState = "waiting"
	StepRunning StepState = "running"
	StepPassed  StepState = "passed"
	StepFailed  StepState = "failed"
	StepKilled  StepState = "killed"  // a time limit, a cancellation
	StepSkipped StepState = "skipped" // an earlier step failed
)

// StepStates lists every step state.
func StepStates() []StepState {
	return []StepState{StepWaiting, StepRunning, StepPassed, StepFailed, StepKilled, StepSkipped}
}

// StepRecord is what is known of one step of an attempt. The steps that the
// worker itself adds (checkout, products, results) are records too.
type StepRecord struct {
	Index    int       `json:"index"` // from 0
	Name     string    `json:"name"`
	State    StepState `json:"state"`
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`
	ExitCode int       `json:"exit_code,omitempty"` // valid when State is failed and Signal is empty
	Signal   string    `json:"signal,omitempty"`    // for example "killed"
	Note     string    `json:"note,omitempty"`      // one line for people: which limit, what was missing
}

// LogFrame is a piece of one step's output: at most MaxFrame bytes,
// compressed with zstd.
type LogFrame struct {
	Step      int       `json:"step"`
	Offset    int64     `json:"offset"`     // of its first byte in the step's output, uncompressed
	FirstLine int64     `json:"first_line"` // number of the line its first byte belongs to, from 0
	Size      int       `json:"size"`       // uncompressed bytes
	Lines     int       `json:"lines"`      // newlines in it
	At        time.Time `json:"at"`         // when its last byte was read
	Data      []byte    `json:"data"`       // zstd
}

// MaxFrame limits the uncompressed bytes of a log frame.
const MaxFrame = 256 << 10

// Spec is everything a worker needs to know to run a build. It is fixed when
// the build is made; a later change of the configuration does not touch it.
type Spec struct {
	Project  string         `json:"project"`
	Job      Job            `json:"job"`
	Platform Platform       `json:"platform"`
	Source   Source         `json:"source"`
	Revision string         `json:"revision"`
	Inputs   []UpstreamSpec `json:"inputs,omitempty"` // sorted by project
	// ProductKey names the place of the product on a worker, so that it is
	// the same for the build that makes it and for those that use it.
	ProductKey string `json:"product_key,omitempty"`
	Cause      Cause  `json:"cause,omitempty"`
	Branch     string `json:"branch,omitempty"` // of the builder
	// Ref is what must be fetched for the revision to be there; empty: the branch.
	Ref    string   `json:"ref,omitempty"`
	Params []EnvVar `json:"params,omitempty"` // as in Run
	// Untrusted says that the revision comes from somebody who may not see
	// secrets, and must leave nothing behind for other builds.
	Untrusted bool `json:"untrusted,omitempty"`
}

// UpstreamSpec is one upstream of a build.
type UpstreamSpec struct {
	Project  string `json:"project"`
	Revision string `json:"revision"`
	// Product is filled in when the build is leased; empty if the upstream
	// hands down only its revision.
	Product Product `json:"product,omitzero"`
}
