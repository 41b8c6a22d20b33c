// Package protocol is what workers and servers say to each other.
//
// Workers dial out over HTTP, so they work behind NAT, and every message is a
// JSON body that can be watched with curl. A worker proves who it is with its
// token ("Authorization: Bearer ..."). The verbs, in the order of a worker's
// life:
//
//	POST /worker/v1/hello              Hello  -> HelloAnswer   who I am, what I hold
//	POST /worker/v1/lease              Lease  -> LeaseAnswer   long poll: give me work
//	POST /worker/v1/refuse             Refuse -> RefuseAnswer  my owner does not want these here
//	POST /worker/v1/rest               Rest   -> RestAnswer    my owner wants nothing here now
//	POST /worker/v1/watch              Watch  -> WatchAnswer   long poll: which of mine have ended
//	POST /worker/v1/attempts/ID/sync   Sync   -> SyncAnswer    I live; what happened; log frames
//	POST /worker/v1/attempts/ID/finish Finish -> FinishAnswer  how it ended, once
//	HEAD, GET, PUT /worker/v1/blobs/DIGEST                     products and results
//
// Each attempt has a secret token of its own, made when it is leased. A
// message for an attempt whose lease was given away is answered with 409 and
// code "fenced"; the worker then stops the attempt and drops it.
//
// Each hello begins an epoch of the worker, and each lease within it has a
// growing number and lists what the worker holds. A lease that is late or
// doubled is refused with code "conflict", and an assignment that got lost on
// its way is back in the queue as soon as the worker asks again.
//
// Nothing is lost or doubled when messages are: log frames carry the offset
// of their first byte, step events replace each other by a growing sequence
// number, finish says the same thing however often it is sent, and blobs are
// named by their content. Errors are bodies of type Problem.
package protocol

import (
	"errors"
	"time"

	"github.com/weir-ci/weir"
)

// Version is the version of the messages. A server also speaks those before:
// version 1 knows no epochs, no watch, neither frames nor results in finish,
// and JSON only. Version 2 has the same messages as 3, but does not know what a
// specification may ask for since; see Labels. Version 3 knows neither refuse nor rest,
// and no policies. A worker that is newer than its server says hello again with the
// version before, down to 2; one with a policy does not work for a server that would ignore it.
const Version = 4

// PolicyVersion is the first version that knows what owners of workers allow: refuse,
// rest, Hello.Policy and Lease.Picky.
const PolicyVersion = 4

// Limits on messages, in bytes unless said otherwise. Both sides check them.
const (
	MaxBody         = 8 << 20   // of one JSON message
	MaxSyncFrames   = 64        // log frames in one sync or finish
	MaxSyncBytes    = 4 << 20   // compressed bytes of frames in one sync or finish
	MaxSteps        = 200       // steps of one attempt
	MaxSlots        = 256       // attempts a worker may run at once
	MaxLabels       = 64        // labels of a worker
	MaxProduct      = 4 << 30   // a packed product
	MaxResults      = 512 << 20 // a packed result set
	MaxInlineSet    = 8 << 10   // one that comes with a finish
	MaxLogBytes     = 4 << 30   // of one step's log, uncompressed
	MaxLeaseWait    = 30 * time.Second
	MaxPathLength   = 1 << 10
	MaxHeldAttempts = 1024
	MaxWarm         = 1000     // entries of Lease.Warm
	MaxArtifact     = 2 << 30  // one file that a build keeps
	MaxRefusals     = MaxSlots // attempts in one refuse
)

// Hello introduces a worker.
type Hello struct {
	Version  int              `json:"version"`
	Platform weir.Platform    `json:"platform"`
	Labels   []string         `json:"labels,omitempty"`
	Slots    int              `json:"slots"`
	Program  string           `json:"program"` // version of the worker's program
	Host     string           `json:"host,omitempty"`
	Holds    []weir.AttemptID `json:"holds,omitempty"` // attempts it still runs or has to report
	// Instance is a random name of the running program, so that two workers
	// with one token can be told from one that says hello again.
	Instance string `json:"instance,omitempty"`
	Draining bool   `json:"draining,omitempty"` // it takes no more work and will leave
	// Disk is how many bytes are free where it builds; 0: it does not know.
	Disk int64 `json:"disk,omitempty"`
	// Policy says what the owner allows, as in weir.Worker. If it is another one than before,
	// what was refused under the old one is offered again.
	Policy []string `json:"policy,omitempty"`
}

// HelloAnswer tells the worker how to behave.
type HelloAnswer struct {
	Version int    `json:"version"`
	Name    string `json:"name"` // the worker's name, from its token
	// Keep lists the attempts that are still the worker's; the others are to
	// be stopped and dropped.
	Keep          []weir.AttemptID `json:"keep,omitempty"`
	SyncInterval  time.Duration    `json:"sync_interval"`  // how often a quiet attempt syncs
	FlushInterval time.Duration    `json:"flush_interval"` // how long output waits for company
	// Epoch is to be sent with every lease until the next hello.
	Epoch int64 `json:"epoch,omitempty"`
}

// Lease asks for work.
type Lease struct {
	Free int           `json:"free"` // how many attempts the worker has room for, at least 1
	Wait time.Duration `json:"wait"` // how long the server may hold the request
	// Epoch is from the newest hello; 0 if the worker speaks version 1. Seq
	// counts the leases of an epoch from 1. One with an older epoch, or a
	// number not higher than that of the last lease that gave something, is
	// refused: Conflict. A worker has one lease under way at a time, and does
	// not believe the answer to one that it gave up waiting for: the next has a
	// new number.
	Epoch int64 `json:"epoch,omitempty"`
	Seq   int64 `json:"seq,omitempty"`
	// Holds lists every attempt that the worker runs or has to report: it
	// writes an assignment to disk before it asks again, and lists what lies
	// there until the server has said that it is over. What else it was given
	// in answers to earlier leases never reached it, and is queued again at once.
	Holds []weir.AttemptID `json:"holds,omitempty"`
	// Warm lists what lies ready on the worker and would have to be fetched or made
	// elsewhere, at most MaxWarm: digests of products, and PROJECT for the mirror or
	// the caches of one.
	Warm []string `json:"warm,omitempty"`
	// Disk is as in Hello.
	Disk int64 `json:"disk,omitempty"`
	// Picky says that the worker may refuse what it is given: it is offered nothing
	// that it has refused before.
	Picky bool `json:"picky,omitempty"`
}

// LeaseAnswer gives work. It is empty if there is none.
type LeaseAnswer struct {
	Attempts []Assignment `json:"attempts,omitempty"`
}

// Refuse gives assignments back that the owner's policy forbids. They have not begun,
// and the worker holds them no more: they are queued again for others. One that is not
// the worker's own any more is passed over; a refuse that got lost does no harm, as the next
// lease does not list what was refused.
type Refuse struct {
	Epoch    int64     `json:"epoch"`
	Refusals []Refusal `json:"refusals"` // at most MaxRefusals
}

// Refusal is one assignment that is refused.
type Refusal struct {
	Attempt weir.AttemptID `json:"attempt"`
	Rule    weir.Rule      `json:"rule"`
	Text    string         `json:"text"` // as in weir.Refusal
}

// RefuseAnswer confirms a refuse.
type RefuseAnswer struct{}

// Rest says why the worker asks for nothing now, or with an empty one that it does again.
// It is repeated while that lasts, so that the worker does not count as away. Conflict
// unless Epoch is that of the worker's newest hello, which ends a rest too.
type Rest struct {
	Epoch int64     `json:"epoch"`
	Rest  weir.Rest `json:"rest,omitzero"`
}

// RestAnswer confirms a rest.
type RestAnswer struct{}

// Watch asks which attempts the server has ended, and waits until there is one.
type Watch struct {
	Holds []weir.AttemptID `json:"holds"`
	Wait  time.Duration    `json:"wait"`
}

// WatchAnswer lists those of the attempts that are not live, or not the
// worker's own. It is empty if the time is up. The worker syncs them at once
// to learn why.
type WatchAnswer struct {
	Ended []weir.AttemptID `json:"ended,omitempty"`
}

// Assignment is one attempt to run.
type Assignment struct {
	Attempt weir.AttemptID `json:"attempt"`
	Token   string         `json:"token"` // secret of this attempt
	Spec    weir.Spec      `json:"spec"`
	// Secrets are the values of those that the job and its steps name, by name. The worker
	// keeps them from logs and from every disk but its spool's, and there only
	// for as long as the attempt lives.
	Secrets []weir.EnvVar `json:"secrets,omitempty"`
}

// Sync reports on a running attempt.
type Sync struct {
	Token string `json:"token"`
	// Seq grows with every sync that carries steps. Steps of a sync that is
	// older than one already seen are passed over.
	Seq    int64             `json:"seq"`
	Steps  []weir.StepRecord `json:"steps,omitempty"`
	Frames []weir.LogFrame   `json:"frames,omitempty"`
}

// SyncAnswer tells the worker how to go on.
type SyncAnswer struct {
	// Offsets says how many bytes of each step's log are recorded.
	Offsets map[int]int64 `json:"offsets,omitempty"`
	// Cancel is set when the attempt is over for a reason of the server's.
	Cancel *weir.Reason `json:"cancel,omitempty"`
}

// Finish ends an attempt. Its blobs must be put before, and its log synced,
// except for what Frames holds.
type Finish struct {
	Token   string            `json:"token"`
	Outcome weir.Outcome      `json:"outcome"`
	Reason  weir.Reason       `json:"reason,omitzero"`
	Steps   []weir.StepRecord `json:"steps"`
	Product weir.Product      `json:"product,omitzero"`
	Results weir.Digest       `json:"results,omitempty"`
	// Set is the packed result set that Results names, if it is small: then it
	// need not be put before. At most MaxInlineSet bytes.
	Set []byte `json:"set,omitempty"`
	// Artifacts have been put as blobs before. Metrics and Summary are what the
	// steps wrote for people.
	Artifacts []weir.Artifact `json:"artifacts,omitempty"`
	Metrics   []weir.Metric   `json:"metrics,omitempty"`
	Summary   string          `json:"summary,omitempty"`
	// Surroundings is where it ran, as far as the worker knows. A server that does
	// not know the field passes it over.
	Surroundings weir.Surroundings `json:"surroundings,omitzero"`
	// Frames are the last ones of the log, at most MaxSyncFrames: a short
	// build needs no sync. If they do not fit behind what is recorded, the
	// answer is Conflict, nothing has happened, and a sync tells where to go on.
	Frames []weir.LogFrame `json:"frames,omitempty"`
}

// FinishAnswer confirms that the outcome is recorded.
type FinishAnswer struct{}

// Problem is the body of every error, after RFC 9457.
type Problem struct {
	Title  string    `json:"title"`
	Status int       `json:"status"`
	Detail string    `json:"detail,omitempty"`
	Code   weir.Code `json:"code"`
	Hint   string    `json:"hint,omitempty"`
}

// Err turns a problem back into an error.
func (p Problem) Err() *weir.Error {
	message := p.Detail
	if message == "" {
		message = p.Title
	}
	return &weir.Error{Code: p.Code, Message: message, Hint: p.Hint}
}

// statuses maps codes to HTTP statuses; codes not listed are 500.
var statuses = map[weir.Code]int{
	weir.Invalid: 422, weir.NotFound: 404, weir.Conflict: 409, weir.Fenced: 409,
	weir.Unauthenticated: 401, weir.Forbidden: 403, weir.TooLarge: 413,
	weir.Unavailable: 503, weir.Exhausted: 507, weir.Unsupported: 501,
}

// Status is the HTTP status that goes with a code.
func Status(c weir.Code) int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return 500
}

// ProblemOf makes the body for an error. The cause of an internal error, and
// the text of an error without a code, are left out.
func ProblemOf(err error) Problem {
	var e *weir.Error
	code := weir.CodeOf(err)
	p := Problem{Code: code, Status: Status(code), Title: string(code)}
	if errors.As(err, &e) {
		p.Detail, p.Hint = e.Message, e.Hint
	} else {
		p.Detail = "the server hit an unexpected error; its log says more"
	}
	return p
}
