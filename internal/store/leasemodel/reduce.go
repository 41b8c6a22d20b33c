package leasemodel

import "math/bits"

// recount counts epochs and numbers of leases anew: only their order matters.
func (s *state) recount() {
	for w := range s.workers {
		epochs, seqs := uint64(1)<<s.server.workers[w].epoch|1, uint64(1)<<s.server.workers[w].seq|1
		epochs |= 1 << s.workers[w].epoch
		seqs |= 1 << s.workers[w].seq
		for _, m := range s.net {
			if m.kind != nothing && int(m.worker) == w {
				epochs |= 1<<m.epoch | 1<<m.answer.epoch
				seqs |= 1 << m.seq
			}
		}
		rank := func(used uint64, v *uint8) { *v = uint8(bits.OnesCount64(used & (1<<*v - 1))) } //nolint:gosec // at most 64
		rank(epochs, &s.server.workers[w].epoch)
		rank(epochs, &s.workers[w].epoch)
		rank(seqs, &s.server.workers[w].seq)
		rank(seqs, &s.workers[w].seq)
		for i := range s.net {
			if m := &s.net[i]; m.kind != nothing && int(m.worker) == w {
				rank(epochs, &m.epoch)
				rank(epochs, &m.answer.epoch)
				rank(seqs, &m.seq)
			}
		}
	}
}

// reduce forgets what cannot make a difference any more, if all rules hold.
// Every step was held against the whole truth before.
func (s *state) reduce() {
	for i := range s.net {
		if m := &s.net[i]; m.kind.request() {
			s.reduceRequest(m)
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
func (s *state) reduceRequest(m *message) {
	idle := false
	switch w := s.server.workers[m.worker]; m.kind {
	case helloRequest:
		return
	case leaseRequest:
		if idle = m.epoch != w.epoch || m.seq <= w.seq; idle {
			*m = message{kind: m.kind, worker: m.worker, open: m.open} // conflict, whatever comes
		}
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
