package leasemodel

// The sizes of states; a Config uses as much of them as it says. States are
// values that can be compared, so they hold arrays, never slices.
const (
	maxBuilds   = 2
	maxWorkers  = 2
	maxAttempts = 5 // of one build
	maxSpools   = 2 // of one worker
	maxLines    = 2 // that an attempt prints
)

// attemptID names an attempt: the build, from 0, and the number, from 1.
type attemptID struct{ build, number uint8 }

// none is no attempt.
var none = attemptID{}

// phase is where a build is in its life.
type phase uint8

const (
	queued phase = iota
	leased
	running
	blocked
	finished
	cancelled
)

func (p phase) final() bool { return p >= finished }

// outcome is how an attempt or a build ended.
type outcome uint8

const (
	noOutcome outcome = iota
	passed
	infra
	wasCancelled
	skipped
)

// Order says whether the second build comes after the first, and how that must end.
type Order uint8

// The orders.
const (
	NoOrder Order = iota
	AfterPassed
	AfterFailed // no build of the model fails; an infrastructure error is no failure
	AfterAny
)

// ending says what ended an attempt.
type ending uint8

const (
	live ending = iota
	byFinish
	byCancel
	byExpire
	undelivered
	refused
)

// counts reports whether an attempt that ended so says something about its build.
func (e ending) counts() bool { return e != undelivered && e != refused }

// record is an attempt in the database.
type record struct {
	owner   uint8 // number of the worker, from 1; 0: there is no such attempt
	ended   ending
	outcome outcome
	step    uint8 // what is recorded of the attempt's step; see truth
	seq     uint8 // of the newest sync that carried steps
	length  uint8
	log     [maxLines + 1]uint8 // numbers of the lines, from 1
	since   uint8               // account.refusals when it was leased
}

func (r record) live() bool { return r.owner != 0 && r.ended == live }

// build is a build in the database.
type build struct {
	phase    phase
	outcome  outcome
	attempts uint8
}

// account is a worker in the database.
type account struct {
	epoch, seq uint8
	paused     bool
	refusals   uint8 // how often it has refused; the builds of a world are of one builder
}

// server is what the database holds. Servers remember nothing else.
type server struct {
	builds   [maxBuilds]build
	attempts [maxBuilds][maxAttempts]record
	workers  [maxWorkers]account
}

// rules are what a farm goes by.
type rules struct {
	builds  int
	retries int // how many attempts of a build may end in infrastructure errors
	after   Order
	flaw    Flaw
}

// start is the database when both builds were made.
func (g rules) start() (s server) {
	if g.after != NoOrder {
		s.builds[1].phase = blocked
	}
	return s
}

func (s *server) attempt(id attemptID) *record { return &s.attempts[id.build][id.number-1] }

// verdict is what a request is answered with.
type verdict uint8

const (
	ok verdict = iota
	conflict
	fenced
	cancelling // the answer to a sync of an attempt that was cancelled
)

// answer is what a server says.
type answer struct {
	verdict verdict
	epoch   uint8                // hello
	keep    [maxSpools]attemptID // hello
	given   attemptID            // lease
	length  uint8                // sync: how much of the log is recorded
}

// hello is the verb. It begins an epoch.
func (s *server) hello(worker uint8, holds [maxSpools]attemptID) (a answer) {
	w := &s.workers[worker]
	w.epoch++
	w.seq = 0
	a.epoch = w.epoch
	for i, id := range holds {
		if id != none && s.owns(worker, id) {
			a.keep[i] = id
		}
	}
	return a
}

func (s *server) owns(worker uint8, id attemptID) bool {
	r := s.attempt(id)
	return r.live() && r.owner == worker+1
}

// lease is the verb, for a worker with room for one attempt.
func (s *server) lease(g rules, worker, epoch, seq uint8, holds [maxSpools]attemptID, picky bool) (a answer) {
	w := &s.workers[worker]
	if epoch != w.epoch && g.flaw != NoEpoch || seq <= w.seq && g.flaw != NoSeq {
		a.verdict = conflict
		return a
	}
	s.endUndelivered(g, worker, holds)
	if w.paused || picky && w.refusals > 0 && g.flaw != AskAgain {
		return a
	}
	for i := range s.builds[:g.builds] {
		b := &s.builds[i]
		if b.phase != queued && (g.flaw != LeaseTwice || b.phase.final() || b.phase == blocked) || b.attempts == maxAttempts {
			continue
		}
		if g.flaw != SameNumber || b.attempts == 0 {
			b.attempts++
		}
		b.phase = leased
		a.given = attemptID{uint8(i), b.attempts}
		*s.attempt(a.given) = record{owner: worker + 1, since: w.refusals}
		w.seq = seq // one that gives nothing may be asked again
		return a
	}
	return a
}

// endUndelivered ends the attempts of a worker that it does not hold.
func (s *server) endUndelivered(g rules, worker uint8, holds [maxSpools]attemptID) {
	if g.flaw == NoUndelivered {
		return
	}
	for b := range s.attempts {
		for n := range s.attempts[b] {
			id := attemptID{uint8(b), uint8(n + 1)}
			held := false
			for _, h := range holds {
				held = held || h == id
			}
			if s.owns(worker, id) && (!held || g.flaw == IgnoreHolds) {
				s.end(g, id, undelivered, infra)
			}
		}
	}
}

// refuse is the verb, for one attempt. What a worker asked for although it refused it
// already is passed over.
func (s *server) refuse(g rules, worker, epoch uint8, id attemptID) (a answer) {
	w := &s.workers[worker]
	switch {
	case epoch != w.epoch && g.flaw != NoEpoch:
		a.verdict = conflict
	case s.owns(worker, id) && (w.refusals == 0 || s.attempt(id).since < w.refusals):
		w.refusals++
		s.end(g, id, refused, infra)
	}
	return a
}

// end ends a live attempt, and its build unless it may be tried again.
func (s *server) end(g rules, id attemptID, by ending, o outcome) {
	r, b := s.attempt(id), &s.builds[id.build]
	if g.flaw != StillLive || by != byExpire {
		r.ended, r.outcome = by, o
	}
	switch {
	case o == wasCancelled:
		b.phase, b.outcome = cancelled, o
	case o == infra && s.failures(g, id.build) < g.retries:
		b.phase = queued
		if g.flaw == EarlyOrder {
			s.follow(g, id.build)
		}
	default:
		b.phase, b.outcome = finished, o
		s.follow(g, id.build)
	}
}

// follow takes the end of a build to the one that waits for it.
func (s *server) follow(g rules, build uint8) {
	b := &s.builds[1]
	if build != 0 || b.phase != blocked || g.flaw == NoFollow && s.builds[0].outcome == wasCancelled {
		return
	}
	switch o := s.builds[0].outcome; {
	case o == wasCancelled:
		b.phase, b.outcome = cancelled, o
	case g.after == AfterAny, o == passed && g.after == AfterPassed, g.flaw == EarlyOrder:
		b.phase = queued
	default:
		b.phase, b.outcome = finished, skipped
	}
}

// failures counts the attempts of a build that ended in infrastructure errors.
func (s *server) failures(g rules, build uint8) (n int) {
	for _, r := range s.attempts[build] {
		if r.owner != 0 && r.ended != live && r.outcome == infra &&
			(r.ended != undelivered || g.flaw == CountUndelivered) && (r.ended != refused || g.flaw == CountRefused) && (r.ended != byExpire || g.flaw != NoRetryLimit) {
			n++
		}
	}
	return n
}

// report is a sync or a finish of an attempt.
type report struct {
	at          attemptID
	stranger    bool // the token is not the attempt's own
	seq, step   uint8
	first, last uint8   // lines first+1 to last come with it, a frame each
	outcome     outcome // finish
}

// find finds the attempt of a report; nil if it may not speak.
func (s *server) find(g rules, r report) *record {
	a := s.attempt(r.at)
	if a.owner == 0 || r.stranger && g.flaw != NoToken {
		return nil
	}
	return a
}

// sync is the verb.
func (s *server) sync(g rules, r report) (a answer) {
	t := s.find(g, r)
	switch {
	case t == nil, t.ended != live && t.ended != byCancel && g.flaw != NoFence:
		a.verdict = fenced
		return a
	case t.ended == byCancel && g.flaw != NoFence:
		a.verdict, a.length = cancelling, t.length
		return a
	}
	if r.seq > t.seq || g.flaw == NoSyncSeq {
		t.seq = max(t.seq, r.seq)
		if r.step > 0 {
			t.step = r.step
			if s.builds[r.at.build].phase == leased {
				s.builds[r.at.build].phase = running
			}
		}
	}
	s.appendLog(g, t, r)
	a.length = t.length
	return a
}

// appendLog records the frames that begin where the log ends.
func (s *server) appendLog(g rules, t *record, r report) {
	for line := r.first; line < r.last; line++ {
		if line < t.length && g.flaw != NoOffsets {
			continue // known
		}
		if line > t.length && g.flaw != NoOffsets {
			return
		}
		if int(t.length) < len(t.log) {
			t.log[t.length] = line + 1
			t.length++
		}
	}
}

// finish is the verb.
func (s *server) finish(g rules, r report) (a answer) {
	t := s.find(g, r)
	switch {
	case t == nil, t.ended != live && t.ended != byFinish && g.flaw != NoFence:
		a.verdict = fenced
		return a
	case t.ended == byFinish && g.flaw != NoFence:
		return a // said before
	case r.first < r.last && r.first != t.length && g.flaw != NoLogCheck:
		a.verdict = conflict
		return a
	}
	if g.flaw == NoLogCheck {
		g.flaw = NoOffsets
	}
	s.appendLog(g, t, r)
	t.step = r.step
	s.end(g, r.at, byFinish, r.outcome)
	return a
}

// expire is the verb, for one attempt that is overdue.
func (s *server) expire(g rules, id attemptID) {
	if s.attempt(id).live() {
		s.end(g, id, byExpire, infra)
	}
}

// cancel is the verb.
func (s *server) cancel(g rules, b uint8) verdict {
	if s.builds[b].phase.final() {
		return conflict
	}
	for n := range s.attempts[b] {
		if r := &s.attempts[b][n]; r.live() && g.flaw != CancelKeeps {
			r.ended, r.outcome = byCancel, wasCancelled
		}
	}
	s.builds[b].phase, s.builds[b].outcome = cancelled, wasCancelled
	s.follow(g, b)
	return ok
}
