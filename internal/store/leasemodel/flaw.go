package leasemodel

// Flaw takes one rule out of the protocol, so that it can be seen what the
// rule is for and that the checker would notice.
type Flaw uint8

// The flaws of servers, then those of workers.
const (
	NoFlaw           Flaw = iota
	NoToken               // the attempt's token is not looked at
	NoFence               // attempts that have ended may still report
	NoEpoch               // leases of older epochs are taken
	NoSeq                 // leases with numbers seen before are taken
	IgnoreHolds           // a lease ends attempts as undelivered that the worker holds
	NoUndelivered         // what did not reach its worker waits for it
	CountUndelivered      // undelivered attempts count as infrastructure errors
	CountRefused          // so do refused ones
	AskAgain              // a worker is given what it refuses
	NoRetryLimit          // expired attempts do not count
	SameNumber            // a build that is leased again has its old attempt again
	StillLive             // expiry requeues the build but does not end the attempt
	NoExpiry              // leases do not expire
	LeaseTwice            // builds are given away that are not queued
	CancelKeeps           // a cancellation ends the build but not its attempt
	NoOffsets             // log frames are taken wherever they begin
	NoSyncSeq             // steps of late syncs are taken
	NoLogCheck            // a finish is taken though its frames do not fit
	NoFollow              // a cancellation is not taken to the build that waits
	EarlyOrder            // a build that waits is let go when the first attempt ends, whatever came of it
	ForgetHolds           // the worker does not say what it holds
	LateAnswer            // the worker believes answers that it gave up waiting for
	RunAgain              // a new worker program starts what it finds once more
	EarlyFinish           // the worker finishes before its log is sent
	flaws
)

// String is the flaw's name.
func (f Flaw) String() string {
	return [...]string{"no flaw", "no token", "no fence", "no epoch", "no sequence", "ignore holds", "no undelivered",
		"count undelivered", "count refused", "ask again", "no retry limit", "same number", "still live", "no expiry", "lease twice", "cancel keeps",
		"no offsets", "no sync sequence", "no log check", "no follow", "early order", "forget holds", "late answer", "run again", "early finish"}[f]
}

// Flaws lists all flaws.
func Flaws() (all []Flaw) {
	for f := NoFlaw + 1; f < flaws; f++ {
		all = append(all, f)
	}
	return all
}

// harmless reports whether the flaw leaves alone the rules that reduce builds
// on: what has ended does not change, and late messages change nothing.
func (f Flaw) harmless() bool {
	return f == NoFlaw || f == NoUndelivered || f == NoExpiry || f == ForgetHolds
}
