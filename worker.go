package weir

import "time"

// Worker is a machine that runs attempts.
type Worker struct {
	Name     string    `json:"name"`
	Platform Platform  `json:"platform"`
	Labels   []string  `json:"labels,omitempty"`
	Slots    int       `json:"slots"`   // how many attempts it runs at once
	Version  string    `json:"version"` // of its program
	Host     string    `json:"host,omitempty"`
	Seen     time.Time `json:"seen"` // when the server last heard of it
	Running  int       `json:"running"`
	// Owner is the mail address of who lends it; empty if nobody said.
	Owner string `json:"owner,omitempty"`
	// Draining says that it finishes what it runs and takes nothing more.
	Draining bool `json:"draining,omitempty"`
	// Paused says why a person holds it back; empty if nobody does.
	Paused string `json:"paused,omitempty"`
	// Strikes counts its infrastructure errors since a build last ended
	// otherwise. Barred is until when it gets nothing because of them.
	Strikes int       `json:"strikes,omitempty"`
	Barred  time.Time `json:"barred,omitzero"`
	// Policy says what its owner allows, a sentence a rule, in the worker's words; empty:
	// everything. Rest is why it takes nothing now, under one of those rules.
	Policy []string `json:"policy,omitempty"`
	Rest   Rest     `json:"rest,omitzero"`
}

// Away reports whether the worker has been silent for longer than it may.
func (w Worker) Away(now time.Time) bool { return now.Sub(w.Seen) > WorkerSilence }

// WorkerState is what can be expected of a worker.
type WorkerState string

// The closed set of worker states. Of several that apply the first counts.
const (
	WorkerAway        WorkerState = "away"        // not heard of for WorkerSilence
	WorkerPaused      WorkerState = "paused"      // held back by a person
	WorkerDraining    WorkerState = "draining"    // about to leave
	WorkerQuarantined WorkerState = "quarantined" // held back after infrastructure errors
	WorkerResting     WorkerState = "resting"     // held back by a rule of its owner's
	WorkerReady       WorkerState = "ready"       // gets work
)

// WorkerStates lists every worker state.
func WorkerStates() []WorkerState {
	return []WorkerState{WorkerAway, WorkerPaused, WorkerDraining, WorkerQuarantined, WorkerResting, WorkerReady}
}

// State says what can be expected of the worker.
func (w Worker) State(now time.Time) WorkerState {
	switch {
	case w.Away(now):
		return WorkerAway
	case w.Paused != "":
		return WorkerPaused
	case w.Draining:
		return WorkerDraining
	case now.Before(w.Barred):
		return WorkerQuarantined
	case w.Rest.Rule != "":
		return WorkerResting
	}
	return WorkerReady
}

// Timing of leases. A worker syncs far more often than its lease expires, so
// that one lost message does no harm, and a dead machine is noticed within a minute.
const (
	LeaseTime     = 45 * time.Second // how long an attempt lives without a sync
	SyncInterval  = 10 * time.Second // how often a quiet attempt syncs
	WorkerSilence = 60 * time.Second // after which a worker counts as away
)

// EventKind says what an event is about.
type EventKind string

// The kinds of events.
const (
	EventRevisions  EventKind = "revisions"  // a project has new revisions; Subject is its name
	EventRun        EventKind = "run"        // a run was made; Subject is its id
	EventBuild      EventKind = "build"      // a build changed state or judgement; Subject is its id
	EventQueue      EventKind = "queue"      // something can be leased
	EventLog        EventKind = "log"        // log frames were added; Subject is the build's id
	EventRegression EventKind = "regression" // a regression changed; Subject is its id
	EventWorker     EventKind = "worker"     // a worker came or changed; Subject is its name
	EventCancel     EventKind = "cancel"     // a live attempt was fenced by a cancellation; Subject is the build's id
	EventSource     EventKind = "source"     // a source was polled with another outcome than before
	EventConfig     EventKind = "config"     // the configuration was read again, or could not be
	EventProposal   EventKind = "proposal"   // a pull request came or changed; Subject is its id
)

// Event is one entry of the farm's growing list of what happened. It carries
// no content: whoever cares reads the thing itself.
type Event struct {
	Seq     int64     `json:"seq"` // grows; gaps are possible
	At      time.Time `json:"at"`
	Kind    EventKind `json:"kind"`
	Subject string    `json:"subject"`
}
