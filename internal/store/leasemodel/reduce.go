package leasemodel

import "math/bits"

// recount counts epochs and numbers of leases anew: only their order matters.
func (s *state) recount(c Config) {
	for a := range s.server.workers {
		epochs, seqs := uint64(1), uint64(1)
		s.count(c, a, func(epoch, seq *uint8) {
			epochs |= 1 << *epoch
			seqs |= 1 << *seq
		})
		s.count(c, a, func(epoch, seq *uint8) {
			*epoch = uint8(bits.OnesCount64(epochs & (1<<*epoch - 1))) //nolint:gosec // at most 64
			*seq = uint8(bits.OnesCount64(seqs & (1<<*seq - 1)))       //nolint:gosec // at most 64
		})
	}
}

// count shows every epoch and every number of a lease that has to do with an account.
func (s *state) count(c Config, account int, show func(epoch, seq *uint8)) {
	show(&s.server.workers[account].epoch, &s.server.workers[account].seq)
	var no uint8
	for w := range s.workers {
		if int(c.account(uint8(w))) == account {
			show(&s.workers[w].epoch, &s.workers[w].seq)
		}
	}
	for i := range s.net {
		if m := &s.net[i]; m.kind != nothing && int(c.account(m.worker)) == account {
			show(&m.epoch, &m.seq)
			show(&m.answer.epoch, &no)
		}
	}
}

// reduce forgets what cannot make a difference any more, if all rules hold.
// Every step was held against the whole truth before.
func (s *state) reduce(c Config) {
	for i := range s.net {
		if m := &s.net[i]; m.kind.request() {
			s.reduceRequest(c, m)
		}
	}
	for b := range s.server.attempts {
		for n := range s.server.attempts[b] {
			// Nothing changes an attempt that has ended.
			if r := &s.server.attempts[b][n]; r.owner != 0 && r.ended != live {
				*r = record{owner: r.owner, ended: r.ended, outcome: r.outcome}
				t := &s.truth[b][n]
				*t = truth{runs: t.runs}
				if !s.known(attemptID{uint8(b), uint8(n + 1)}) {
					*t, r.owner = truth{}, 1
				}
			}
		}
	}
	for w := range s.workers {
		for i := range s.workers[w].spools {
			if sp := &s.workers[w].spools[i]; sp.stage != empty && s.server.attempt(sp.at).ended != live {
				sp.acked = 0
			}
		}
	}
}

// known reports whether anybody but the server still speaks of an attempt.
func (s *state) known(id attemptID) bool {
	for _, m := range s.net {
		if m.kind != nothing && (m.report.at == id || m.answer.given == id) {
			return true
		}
	}
	for _, w := range s.workers {
		for _, sp := range w.spools {
			if sp.at == id {
				return true
			}
		}
	}
	return false
}

// reduceRequest forgets what a request cannot do any more, and the request
// itself if that is everything and nobody waits for the answer.
func (s *state) reduceRequest(c Config, m *message) {
	idle := false
	switch w := s.server.workers[c.account(m.worker)]; m.kind {
	case helloRequest:
		return
	case leaseRequest:
		if idle = m.epoch != w.epoch || m.seq <= w.seq; idle {
			*m = message{kind: m.kind, worker: m.worker, open: m.open} // conflict, whatever comes
		}
	case refuseRequest:
		idle = m.epoch != w.epoch || s.server.attempt(m.holds[0]).ended != live
	default:
		r := s.server.attempt(m.report.at)
		late := m.report.first < m.report.last && m.report.first < r.length
		switch p := &m.report; {
		case r.ended != live, m.kind == finishRequest && late:
			idle = true
			*p = report{at: p.at, last: p.last - p.first}
			if r.ended != live {
				p.last = 0
			} else {
				p.last = 1 // conflict, whatever comes
			}
		case m.kind == syncRequest:
			if p.seq <= r.seq {
				p.seq, p.step = 0, 0
			}
			if p.first = max(p.first, r.length); p.first >= p.last {
				p.first, p.last = 0, 0
			}
			idle = p.seq == 0 && p.last == 0
		}
	}
	if idle && !m.open {
		*m = message{}
	}
}
