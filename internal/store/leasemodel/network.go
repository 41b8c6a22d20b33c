package leasemodel

import "cmp"

// maxNet is how many messages may be under way at once.
const maxNet = 4

// kind says what a message is.
type kind uint8

const (
	nothing kind = iota
	helloRequest
	leaseRequest
	syncRequest
	finishRequest
	refuseRequest
	helloAnswer
	leaseAnswer
	syncAnswer
	finishAnswer
	refuseAnswer
)

func (k kind) request() bool { return k >= helloRequest && k <= refuseRequest }

// answer is the kind of the answer to a request.
func (k kind) answer() kind { return k + helloAnswer - helloRequest }

// main reports whether a message is about the worker, not about one attempt.
func (k kind) main() bool {
	switch k {
	case helloRequest, leaseRequest, refuseRequest, helloAnswer, leaseAnswer, refuseAnswer:
		return true
	}
	return false
}

// message is a request or an answer that is under way.
type message struct {
	kind   kind
	worker uint8
	// open says of a request that its sender still waits for the answer. As
	// with HTTP, nobody gets an answer to a call that was given up.
	open       bool
	epoch, seq uint8                // of a lease or refuse
	holds      [maxSpools]attemptID // of a refuse: what is refused
	report     report               // of a sync or finish; its attempt is there in answers too
	answer     answer
}

// compare orders messages, so that equal networks are equal states.
func (m message) compare(o message) int {
	flag := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	id := func(a, b attemptID) int {
		return cmp.Or(cmp.Compare(a.build, b.build), cmp.Compare(a.number, b.number))
	}
	ids := func(a, b [maxSpools]attemptID) int { return cmp.Or(id(a[0], b[0]), id(a[1], b[1])) }
	if m == o {
		return 0
	}
	return cmp.Or(
		cmp.Compare(o.kind, m.kind), // empty places last
		cmp.Compare(m.worker, o.worker), flag(m.open)-flag(o.open),
		cmp.Compare(m.epoch, o.epoch), cmp.Compare(m.seq, o.seq), ids(m.holds, o.holds),
		id(m.report.at, o.report.at), flag(m.report.stranger)-flag(o.report.stranger),
		cmp.Compare(m.report.seq, o.report.seq), cmp.Compare(m.report.step, o.report.step),
		cmp.Compare(m.report.first, o.report.first), cmp.Compare(m.report.last, o.report.last),
		cmp.Compare(m.report.outcome, o.report.outcome),
		cmp.Compare(m.answer.verdict, o.answer.verdict), cmp.Compare(m.answer.epoch, o.answer.epoch),
		ids(m.answer.keep, o.answer.keep), id(m.answer.given, o.answer.given), cmp.Compare(m.answer.length, o.answer.length),
	)
}

// network is what is under way, in order of compare.
type network [maxNet]message

func (n *network) sort() {
	for i := 1; i < len(n); i++ {
		for j := i; j > 0 && n[j].compare(n[j-1]) < 0; j-- {
			n[j], n[j-1] = n[j-1], n[j]
		}
	}
}

// send puts a message on its way, if the network can hold it.
func (n *network) send(limit int, m message) bool {
	for i := range n[:limit] {
		if n[i].kind == nothing {
			n[i] = m
			return true
		}
	}
	return false
}

// about reports whether a message belongs to a call: of a worker about itself,
// or about an attempt.
func (m message) about(worker uint8, at attemptID) bool {
	return m.kind != nothing && m.worker == worker && m.kind.main() == (at == none) && m.report.at == at
}

// waiting reports whether the request or the answer of a call is under way.
func (n *network) waiting(worker uint8, at attemptID) bool {
	for _, m := range n {
		if m.about(worker, at) && (m.open || !m.kind.request()) {
			return true
		}
	}
	return false
}

// hangUp ends a call: its answer reaches nobody.
func (n *network) hangUp(worker uint8, at attemptID) {
	for i := range n {
		switch m := &n[i]; {
		case !m.about(worker, at):
		case m.kind.request():
			m.open = false
		default:
			*m = message{}
		}
	}
}
