package leasemodel

import (
	"fmt"
	"strings"
)

// verb is what is called on a server, in the model and in the database.
type verb uint8

const (
	doHello verb = iota
	doLease
	doSync
	doFinish
	doExpire // of all that is live
	doExpireNobody
	doCancel
	doPause
	doRefuse
)

// call is one call of a verb.
type call struct {
	verb       verb
	worker     uint8
	epoch, seq uint8
	holds      [maxSpools]attemptID
	report     report
	build      uint8
	paused     bool
	picky      bool
	refused    attemptID
}

func (c call) String() string {
	switch c.verb {
	case doHello:
		return fmt.Sprintf("worker %d: hello, holds %s", c.worker+1, list(c.holds))
	case doLease:
		return fmt.Sprintf("worker %d: lease %d of epoch %d, holds %s, picky: %v", c.worker+1, c.seq, c.epoch, list(c.holds), c.picky)
	case doRefuse:
		return fmt.Sprintf("worker %d: refuse %s in epoch %d", c.worker+1, c.refused, c.epoch)
	case doSync, doFinish:
		return message{kind: map[verb]kind{doSync: syncRequest, doFinish: finishRequest}[c.verb], report: c.report}.String()
	case doExpire:
		return "all leases expire"
	case doExpireNobody:
		return "no lease expires"
	case doCancel:
		return fmt.Sprintf("cancel build %d", c.build+1)
	}
	return fmt.Sprintf("pause worker %d: %v", c.worker+1, c.paused)
}

// result is what a call is answered with.
type result struct {
	answer
	expired string // the attempts that were ended, in order
}

// on does a call to the model's server.
func (c call) on(s *server, g rules) (r result) {
	switch c.verb {
	case doHello:
		r.answer = s.hello(c.worker, c.holds)
		r.epoch = 0 // a database counts otherwise
	case doLease:
		r.answer = s.lease(g, c.worker, c.epoch, c.seq, c.holds, c.picky)
	case doRefuse:
		r.answer = s.refuse(g, c.worker, c.epoch, c.refused)
	case doSync:
		r.answer = s.sync(g, c.report)
	case doFinish:
		r.answer = s.finish(g, c.report)
	case doExpire:
		var ended []string
		for b := range s.attempts {
			for n := range s.attempts[b] {
				if id := (attemptID{uint8(b), uint8(n + 1)}); s.attempt(id).live() {
					s.expire(g, id)
					ended = append(ended, id.String())
				}
			}
		}
		r.expired = strings.Join(ended, " ")
	case doCancel:
		r.verdict = s.cancel(g, c.build)
	case doPause:
		s.workers[c.worker].paused = c.paused
	}
	return r
}

// live lists the live attempts of a worker.
func (s *server) live(worker uint8) (ids [maxSpools]attemptID) {
	i := 0
	for b := range s.attempts {
		for n := range s.attempts[b] {
			if id := (attemptID{uint8(b), uint8(n + 1)}); s.owns(worker, id) {
				ids[i] = id
				i++
			}
		}
	}
	return ids
}

// calls lists what may be called next: what an honest worker would say, what
// comes late or twice, and what a stranger says.
func (s *server) calls(g rules, workers uint8) (all []call) {
	for w := range workers {
		a, holds := s.workers[w], s.live(w)
		all = append(all, call{verb: doHello, worker: w, holds: holds},
			call{verb: doLease, worker: w, epoch: a.epoch + 1, seq: 1, holds: holds}) // never heard of
		if a.epoch == 0 {
			continue
		}
		all = append(all, call{verb: doLease, worker: w, epoch: a.epoch, seq: a.seq + 1, holds: holds},
			call{verb: doLease, worker: w, epoch: a.epoch, seq: a.seq + 1},
			call{verb: doPause, worker: w, paused: !a.paused})
		for b := range uint8(g.builds) {
			if n := s.builds[b].attempts; n > 0 { // whoever's it is
				all = append(all, call{verb: doRefuse, worker: w, epoch: a.epoch, refused: attemptID{b, n}},
					call{verb: doRefuse, worker: w, epoch: a.epoch + 1, refused: attemptID{b, n}})
			}
		}
		if a.refusals > 0 {
			all = append(all, call{verb: doLease, worker: w, epoch: a.epoch, seq: a.seq + 1, holds: holds, picky: true})
		}
		if a.seq > 0 {
			all = append(all, call{verb: doLease, worker: w, epoch: a.epoch, seq: a.seq})
		}
		if a.epoch > 1 {
			all = append(all, call{verb: doLease, worker: w, epoch: a.epoch - 1, seq: a.seq + 9})
		}
	}
	for b := range uint8(g.builds) {
		all = append(all, call{verb: doCancel, build: b})
		for n := s.builds[b].attempts; n > 0 && n+2 > s.builds[b].attempts; n-- {
			all = append(all, reports(attemptID{b, n})...)
		}
	}
	return append(all, call{verb: doExpire}, call{verb: doExpireNobody})
}

// reports lists what may be said of an attempt.
func reports(id attemptID) (all []call) {
	for _, r := range []report{
		{seq: 1, step: 1},
		{seq: 1, step: 1, last: 1},
		{seq: 2, step: 2, first: 1, last: 2},
		{seq: 2, step: 2, last: 2},
		{seq: 3, step: 2, last: 1, stranger: true},
	} {
		r.at = id
		all = append(all, call{verb: doSync, report: r})
	}
	for _, r := range []report{
		{outcome: passed},
		{outcome: passed, first: 1, last: 2},
		{outcome: infra, last: 2},
		{outcome: passed, stranger: true},
	} {
		r.at, r.step = id, 2
		all = append(all, call{verb: doFinish, report: r})
	}
	return all
}
