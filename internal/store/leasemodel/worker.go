package leasemodel

// stage is how far a worker is with an attempt.
type stage uint8

const (
	empty    stage = iota // no attempt
	assigned              // the assignment is on disk, the supervisor has not begun
	started               // the command runs
	done                  // the command has ended
	dead                  // the supervisor died before it could say how it ended
	stopping              // the server does not want it any more
)

// spool is what a worker's disk holds of an attempt. It outlives the worker
// program. What comes after the first line of fields is the program's memory.
type spool struct {
	at    attemptID
	stage stage

	acked uint8 // how many lines the server is known to have; see unknown
	call  bool  // a sync or finish waits for its answer
}

// unknown is an acked after which a sync has to ask first.
const unknown = maxLines + 1

// worker is a machine. All but the spools is the program's memory.
type worker struct {
	gone       bool // the machine does not come back
	up         bool
	call       bool // a hello or lease waits for its answer
	ready      bool // it has an epoch
	epoch, seq uint8
	refusing   attemptID // what it was given and will refuse
	spools     [maxSpools]spool
}

// truth is what really happened to an attempt.
type truth struct {
	step    uint8 // 0 waiting, 1 running, 2 ended
	printed uint8 // lines
	runs    uint8 // how often the command was started
}

func (w *worker) holds() (ids [maxSpools]attemptID) {
	for i, s := range w.spools {
		ids[i] = s.at
	}
	return ids
}

func (w *worker) held() (n int) {
	for _, s := range w.spools {
		if s.stage != empty {
			n++
		}
	}
	return n
}

// forget ends all calls of a worker and what its program remembers.
func (s *state) forget(n uint8) {
	w := &s.workers[n]
	s.net.hangUp(n, none)
	for i := range w.spools {
		s.net.hangUp(n, w.spools[i].at)
		w.spools[i].acked, w.spools[i].call = 0, false
	}
	*w = worker{gone: w.gone, spools: w.spools}
}

// remove deletes a spool. The others move up, so that the order in which
// attempts came does not make states differ.
func (s *state) remove(n uint8, i int) {
	w := &s.workers[n]
	s.net.hangUp(n, w.spools[i].at)
	copy(w.spools[i:], w.spools[i+1:])
	w.spools[maxSpools-1] = spool{}
}

// drop gives up an attempt that is not the worker's any more.
func (s *state) drop(n uint8, i int) {
	sp := &s.workers[n].spools[i]
	if sp.stage != assigned && sp.stage != started {
		s.remove(n, i)
		return
	}
	s.net.hangUp(n, sp.at)
	sp.stage, sp.acked, sp.call = stopping, 0, false
}

// program takes the steps of a worker program that runs.
func (x *stepper) program(n uint8) {
	w := &x.from.workers[n]
	switch {
	case w.call:
		x.giveUp(n)
	case !w.ready:
		x.send(n, message{kind: helloRequest, worker: n, open: true, holds: x.listed(w)})
	case w.refusing != none:
		x.send(n, message{kind: refuseRequest, worker: n, open: true, epoch: w.epoch, seq: w.seq, holds: [maxSpools]attemptID{w.refusing}})
	case w.held() < x.cfg.Slots:
		x.send(n, message{kind: leaseRequest, worker: n, open: true, epoch: w.epoch, seq: w.seq + 1, holds: x.listed(w)})
	}
	for i := range w.spools {
		if sp := w.spools[i]; sp.stage != empty && sp.stage != stopping {
			x.relay(n, i, sp)
		}
	}
}

// listed is what a worker says that it holds.
func (x *stepper) listed(w *worker) [maxSpools]attemptID {
	if x.cfg.Flaw == ForgetHolds {
		return [maxSpools]attemptID{}
	}
	return w.holds()
}

// giveUp ends a hello or lease without an answer: because there will be none,
// which is fair, or because it takes too long. After that the worker asks
// again, or says hello first.
func (x *stepper) giveUp(n uint8) {
	late := x.from.net.waiting(n, none)
	if late && x.from.faults == 0 {
		return
	}
	for _, ready := range []bool{true, false} {
		to := x.from
		w := &to.workers[n]
		if ready && !w.ready {
			continue
		}
		if late {
			to.faults--
		}
		if x.cfg.Flaw != LateAnswer {
			to.net.hangUp(n, none)
		}
		w.call, w.refusing = false, none
		if !ready {
			w.ready, w.epoch, w.seq = false, 0, 0
		}
		x.step(event{what: "gives up waiting for its answer", worker: n + 1}, !late, to)
	}
}

// send puts a hello or lease on its way.
func (x *stepper) send(n uint8, m message) {
	to := x.from
	if !to.net.send(x.cfg.Messages, m) {
		return
	}
	to.workers[n].call, to.workers[n].seq = true, m.seq
	x.step(event{what: "sends", worker: n + 1, message: m}, true, to)
}

// relay tells the server of one attempt.
func (x *stepper) relay(n uint8, i int, sp spool) {
	t := x.from.truth[sp.at.build][sp.at.number-1]
	if sp.call {
		to := x.from
		late := to.net.waiting(n, sp.at)
		to.net.hangUp(n, sp.at)
		to.workers[n].spools[i].call = false
		x.step(event{what: "gives up waiting for its answer", worker: n + 1, at: sp.at}, !late, to)
		return
	}
	say := func(k kind, r report) {
		to := x.from
		m := message{kind: k, worker: n, open: true, report: r}
		if to.net.send(x.cfg.Messages, m) {
			to.workers[n].spools[i].call = true
			x.step(event{what: "sends", worker: n + 1, message: m}, true, to)
		}
	}
	r := report{at: sp.at, seq: t.step, step: t.step}
	if sp.acked != unknown {
		r.first, r.last = sp.acked, t.printed
	}
	// A sync that tells nothing new changes nothing, and would not be told
	// anything new either. That an attempt has ended, a watch tells.
	rec := x.from.server.attempt(sp.at)
	if t.step > rec.step || t.printed > sp.acked || sp.acked == unknown || rec.ended != live || x.cfg.Full {
		say(syncRequest, r)
	}
	if sp.stage != done && sp.stage != dead || sp.acked == unknown {
		return
	}
	if r.outcome = passed; sp.stage == dead {
		r.outcome = infra
	}
	switch {
	case x.cfg.Flaw == EarlyFinish:
		r.first = r.last
		say(finishRequest, r)
	case r.last-r.first <= 1: // more does not fit
		say(finishRequest, r)
	}
}

// hear takes in an answer.
func (x *stepper) hear(to *state, m message) {
	n := m.worker
	w := &to.workers[n]
	switch m.kind {
	case helloAnswer:
		w.call, w.ready, w.epoch, w.seq = false, true, m.answer.epoch, 0
		for i := maxSpools - 1; i >= 0; i-- {
			keep := w.spools[i].stage == empty || w.spools[i].stage == stopping
			for _, id := range m.answer.keep {
				keep = keep || id == w.spools[i].at
			}
			if !keep {
				to.drop(n, i)
			}
		}
	case leaseAnswer:
		w.call = false
		if m.answer.verdict != ok {
			w.ready, w.epoch, w.seq = false, 0, 0
		}
		switch held := w.held(); {
		case x.cfg.Refuse && n == 0:
			w.refusing = m.answer.given
		case m.answer.given != none && held < x.cfg.Slots:
			w.spools[held] = spool{at: m.answer.given, stage: assigned}
		}
	case refuseAnswer:
		w.call, w.refusing = false, none
		if m.answer.verdict != ok {
			w.ready, w.epoch, w.seq = false, 0, 0
		}
	default:
		for i := range w.spools {
			if sp := &w.spools[i]; sp.at == m.report.at {
				sp.call = false
				x.told(to, n, i, m)
				return
			}
		}
	}
}

// told takes in an answer about an attempt.
func (x *stepper) told(to *state, n uint8, i int, m message) {
	sp := &to.workers[n].spools[i]
	switch v := m.answer.verdict; {
	case v == fenced, v == cancelling:
		to.drop(n, i)
	case m.kind == syncAnswer:
		sp.acked = m.answer.length
	case v == conflict:
		sp.acked = unknown
	default:
		to.remove(n, i)
	}
}

// supervisor takes the steps of the processes that run attempts. They need no
// worker program.
func (x *stepper) supervisor(n uint8, i int) {
	to := x.from
	sp := &to.workers[n].spools[i]
	t := &to.truth[sp.at.build][max(sp.at.number, 1)-1]
	e := event{worker: n + 1, at: sp.at}
	switch sp.stage {
	case assigned:
		e.what = "starts the command of"
		sp.stage, t.step = started, 1
		t.runs++
	case started:
		if e.what = "prints a line of"; int(t.printed) < x.cfg.Lines {
			t.printed++
		} else {
			e.what = "ends the command of"
			sp.stage, t.step = done, 2
		}
	case stopping:
		e.what = "kills what is left of"
		to.remove(n, i)
	default:
		return
	}
	x.step(e, true, to)
}

// adopt starts a worker program on the spools that it finds.
func (x *stepper) adopt(n uint8) {
	to := x.from
	w := &to.workers[n]
	w.up = true
	for i := range w.spools {
		switch sp := &w.spools[i]; {
		case x.cfg.Flaw == RunAgain && (sp.stage == started || sp.stage == assigned):
			sp.stage = assigned
		case sp.stage == assigned: // nobody can know whether it began
			sp.stage = dead
			to.truth[sp.at.build][sp.at.number-1].step = 2
		}
	}
	x.step(event{what: "starts a program, which takes over the spools", worker: n + 1}, true, to)
}

// disasters befall a machine.
func (x *stepper) disasters(n uint8) {
	to := x.from
	w := &to.workers[n]
	if to.faults == 0 || w.gone {
		return
	}
	to.faults--
	before := to
	if w.up {
		to.forget(n)
		x.step(event{what: "loses its program", worker: n + 1}, false, to)
		to = before
	}
	for i := range w.spools {
		switch sp := &w.spools[i]; sp.stage {
		case assigned, started:
			sp.stage = dead
			to.truth[sp.at.build][sp.at.number-1].step = 2
			x.step(event{what: "loses the supervisor of", worker: n + 1, at: sp.at}, false, to)
			to = before
		}
	}
	if w.held() > 0 {
		to.forget(n)
		w.spools = [maxSpools]spool{}
		x.step(event{what: "loses its disk", worker: n + 1}, false, to)
		to = before
	}
	if x.cfg.Workers > 1 && !to.workers[0].gone && !to.workers[1].gone && (n == 0 || !x.cfg.Refuse) {
		to.forget(n)
		w.spools, w.gone = [maxSpools]spool{}, true
		x.step(event{what: "is gone for good", worker: n + 1}, false, to)
	}
}
