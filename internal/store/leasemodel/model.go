package leasemodel

import (
	"fmt"
	"strings"
)

// Config says how much of the world a model has.
type Config struct {
	Builds   int // 1 or 2
	Workers  int // 1 or 2
	Slots    int // attempts that a worker may hold, 1 or 2
	Lines    int // that an attempt prints, at most 2
	Retries  int // attempts of a build that may end in infrastructure errors
	Messages int // that may be under way at once, at most 4
	// Faults is how many of these may happen: a hello, a lease or its answer is
	// lost, doubled or given up too early; a worker program is killed; a
	// supervisor dies; a disk is lost; a machine goes for good. Everything
	// else may happen as often as it likes. Retries and Faults together are at most 5.
	Faults int
	Cancel bool // a person may cancel the first build
	Pause  bool // a person may pause the first worker, and let it go on
	// After lets the second build wait for the first.
	After Order
	Flaw  Flaw
	// Twins says that the two workers are machines with the same token. Then
	// they may take each other's attempts, and need never come to rest.
	Twins bool
	// Refuse says that the owner of the first worker, which is picky, allows nothing. The
	// second one never goes for good then.
	Refuse bool
	// Full keeps states apart that behave alike, apart from the counting of
	// epochs. It is for checking that they do.
	Full bool
}

// state is the whole world.
type state struct {
	server  server
	truth   [maxBuilds][maxAttempts]truth
	workers [maxWorkers]worker
	net     network
	faults  uint8 // that may still happen
}

// event is a step of the world. The worker is counted from 1; 0 is nobody.
type event struct {
	what    string
	worker  uint8
	at      attemptID
	message message
}

func (id attemptID) String() string { return fmt.Sprintf("%d/%d", id.build+1, id.number) }

func list(ids [maxSpools]attemptID) string {
	var names []string
	for _, id := range ids {
		if id != none {
			names = append(names, id.String())
		}
	}
	return "[" + strings.Join(names, " ") + "]"
}

// String renders a message for people.
func (m message) String() string {
	name := [...]string{"nothing", "hello", "lease", "sync", "finish", "refuse",
		"the answer to hello", "the answer to lease", "the answer to sync", "the answer to finish", "the answer to refuse"}[m.kind]
	says := [...]string{"ok", "conflict", "fenced", "cancel"}[m.answer.verdict]
	switch m.kind {
	case helloRequest:
		return fmt.Sprintf("%s, holds %s", name, list(m.holds))
	case leaseRequest:
		return fmt.Sprintf("%s %d of epoch %d, holds %s", name, m.seq, m.epoch, list(m.holds))
	case refuseRequest:
		return fmt.Sprintf("%s %s in epoch %d", name, list(m.holds), m.epoch)
	case refuseAnswer:
		return name + ": " + says
	case helloAnswer:
		return fmt.Sprintf("%s: epoch %d, keep %s", name, m.answer.epoch, list(m.answer.keep))
	case leaseAnswer:
		if m.answer.given != none {
			says = "run " + m.answer.given.String()
		}
		return name + ": " + says
	case syncRequest, finishRequest:
		s := fmt.Sprintf("%s of %s, number %d", name, m.report.at, m.report.seq)
		if m.report.first < m.report.last {
			s += fmt.Sprintf(", lines %d to %d", m.report.first+1, m.report.last)
		}
		if m.kind == finishRequest {
			s += ", " + [...]string{"no outcome", "passed", "infra", "cancelled", "skipped"}[m.report.outcome]
		}
		if m.report.stranger {
			s += ", with a wrong token"
		}
		return s
	}
	if m.kind == syncAnswer && m.answer.verdict == ok {
		says = fmt.Sprintf("%d lines are recorded", m.answer.length)
	}
	return fmt.Sprintf("%s of %s: %s", name, m.report.at, says)
}

// String renders an event for people.
func (e event) String() string {
	s := e.what
	if e.worker > 0 {
		s = fmt.Sprintf("worker %d %s", e.worker, s)
	}
	if e.at != none {
		s += " " + e.at.String()
	}
	if e.worker == 0 && e.message.kind.request() && !e.message.report.stranger {
		s += fmt.Sprintf(" worker %d's", e.message.worker+1)
	}
	if e.message.kind != nothing {
		s += " " + e.message.String()
	}
	return s
}

// stepper tells all steps out of a state.
type stepper struct {
	cfg  Config
	from state
	tell func(e event, fair bool, to state)
}

func (x *stepper) step(e event, fair bool, to state) { x.tell(e, fair, to) }

// account is who the server takes a machine for.
func (c Config) account(worker uint8) uint8 {
	if c.Twins {
		return 0
	}
	return worker
}

func (c Config) rules() rules {
	return rules{builds: c.Builds, retries: c.Retries, after: c.After, flaw: c.Flaw}
}

// Check walks through everything that can happen in a world of this size.
func Check(c Config, limit int) Report {
	m := Machine[state, event]{Check: c.check}
	m.Start.server = c.rules().start()
	m.Start.faults = uint8(c.Faults) //nolint:gosec // a few
	for i := range m.Start.workers[:c.Workers] {
		m.Start.workers[i].up = true
	}
	m.Next = func(from state, tell func(e event, fair bool, to state)) {
		x := &stepper{cfg: c, from: from, tell: tell}
		for n := range uint8(c.Workers) { //nolint:gosec // one or two
			x.worker(n)
		}
		for i, msg := range from.net {
			if msg.kind != nothing && (i == 0 || msg != from.net[i-1]) {
				x.deliver(i, msg)
			}
		}
		x.people()
		x.clock()
		x.strangers()
	}
	m.Normal = func(s state) state {
		if c.Flaw.harmless() && !c.Full {
			s.reduce(c)
		}
		s.recount(c)
		s.net.sort()
		return s
	}
	if c.Twins {
		return Explore(m, limit)
	}
	m.Rest = func(s state) bool {
		for _, b := range s.server.builds[:c.Builds] {
			if !b.phase.final() {
				return false
			}
		}
		return s.workers[0].held()+s.workers[1].held() == 0
	}
	return Explore(m, limit)
}

func (x *stepper) worker(n uint8) {
	w := &x.from.workers[n]
	switch {
	case w.gone:
		return
	case w.up:
		x.program(n)
	default:
		x.adopt(n)
	}
	for i := range w.spools {
		x.supervisor(n, i)
	}
	x.disasters(n)
}

// deliver lets a message arrive, arrive twice, or get lost.
func (x *stepper) deliver(i int, m message) {
	to := x.from
	to.net[i] = message{}
	rest := to
	if !m.kind.request() {
		x.hear(&to, m)
		x.step(event{what: "hears", worker: m.worker + 1, message: m}, true, to)
	} else {
		x.serve(&to, i, m)
		x.step(event{what: "the server gets", message: m}, true, to)
		if m.kind.main() && to.faults > 0 {
			to.faults--
			again := m
			again.open = false
			if to.net.send(x.cfg.Messages, again) {
				x.step(event{what: "the server gets, and will get once more,", message: m}, false, to)
			}
		}
	}
	if m.kind.main() {
		if rest.faults == 0 {
			return
		}
		rest.faults--
	}
	x.step(event{what: "the network loses", message: m}, false, rest)
}

// serve lets the server do what a request asks for. The answer takes the
// place of the request.
func (x *stepper) serve(to *state, place int, m message) {
	var a answer
	s, g := &to.server, x.cfg.rules()
	switch m.kind {
	case helloRequest:
		a = s.hello(x.cfg.account(m.worker), m.holds)
	case leaseRequest:
		a = s.lease(g, x.cfg.account(m.worker), m.epoch, m.seq, m.holds, x.cfg.Refuse)
	case refuseRequest:
		a = s.refuse(g, x.cfg.account(m.worker), m.epoch, m.holds[0])
	case syncRequest:
		a = s.sync(g, m.report)
	case finishRequest:
		a = s.finish(g, m.report)
	}
	if m.open {
		to.net[place] = message{kind: m.kind.answer(), worker: m.worker, answer: a, report: report{at: m.report.at}}
	}
}

// people cancel and pause.
func (x *stepper) people() {
	if x.cfg.Cancel && !x.from.server.builds[0].phase.final() {
		to := x.from
		to.server.cancel(x.cfg.rules(), 0)
		x.step(event{what: "somebody cancels build 1"}, false, to)
	}
	if x.cfg.Pause {
		to := x.from
		p := &to.server.workers[0].paused
		*p = !*p
		x.step(event{what: map[bool]string{true: "somebody pauses worker 1", false: "somebody lets worker 1 go on"}[*p]}, !*p, to)
	}
}

// clock lets leases expire. Those of a machine that is gone do for certain;
// any other may at any moment.
func (x *stepper) clock() {
	if x.cfg.Flaw == NoExpiry {
		return
	}
	for b := range x.from.server.attempts {
		for n, r := range x.from.server.attempts[b] {
			if r.live() {
				to, id := x.from, attemptID{uint8(b), uint8(n + 1)}
				to.server.expire(x.cfg.rules(), id)
				x.step(event{what: "the lease expires of", at: id}, to.workers[r.owner-1].gone, to)
			}
		}
	}
}

// strangers report on attempts whose tokens they do not have.
func (x *stepper) strangers() {
	id := attemptID{0, x.from.server.builds[0].attempts}
	if id.number == 0 {
		return
	}
	to := x.from
	r := report{at: id, stranger: true, seq: 3, step: 2, outcome: passed}
	to.server.finish(x.cfg.rules(), r)
	x.step(event{what: "the server gets", message: message{kind: finishRequest, report: r}}, false, to)
}
