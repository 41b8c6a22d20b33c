package schedsim

import (
	"container/heap"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

// line is the builder of a project on a platform.
type line struct {
	project  *project
	builder  weir.Builder
	platform int
	start    weir.Pins
	head     *job
	tested   int       // newest upstream revision with a verdict; -1: none
	owned    int       // newest own revision with a verdict; -1: none
	waits    time.Time // since when it waits for a build; zero: it does not
	dead     schedule.Dead
	red      bool // its newest verdict
	replan   time.Time
}

// worker is a machine with its slots.
type worker struct {
	weir.Worker
	platform          int
	busy              int
	warm              map[string]bool
	mirrors, products []string // what is ready, least lately used first
	locks             []weir.LockUse
}

// search is a bisection: what is left to ask.
type search struct {
	line     *line
	upstream *project
	from, to int
	steps    int
}

// event is something that happens at a time.
type event struct {
	at   time.Time
	seq  int
	call func()
}

// sim is a farm in the middle of its life.
type sim struct {
	Scale
	rng             *rand.Rand
	begin, now, end time.Time
	events          events
	seq             int
	projects        []*project
	lines           []*line
	workers         []*worker
	idle            [][]*worker // by platform
	queues          []queue     // by platform
	held            []schedule.Held
	running         map[weir.BuildID]*job
	waiting         map[weir.BuildID]*job
	shares          schedule.Shares
	next            weir.BuildID
	known           map[string]weir.Lock
	looked          []schedule.Candidate
	tally           *Tally
	lineup          []schedule.Line // of one plan
	heads           []weir.Build
}

// Play plays a farm.
func Play(s Scale, seed uint64) *Tally {
	begin := time.Date(2030, 1, 7, 0, 0, 0, 0, time.UTC)
	m := &sim{Scale: s, rng: rand.New(rand.NewPCG(seed, 7)), begin: begin, now: begin, end: begin.AddDate(0, 0, s.Days),
		running: map[weir.BuildID]*job{}, waiting: map[weir.BuildID]*job{}, known: locks(), tally: newTally(s)}
	m.projects = newProjects(s, m.rng)
	m.idle, m.queues = make([][]*worker, s.Platforms), make([]queue, s.Platforms)
	m.hire()
	for _, p := range m.projects {
		p.changes[0] = begin
		for i := range s.Platforms {
			key := weir.BuilderKey{Project: p.name, Job: "test", Platform: platforms()[i].name}
			l := &line{project: p, platform: i, builder: weir.Builder{ID: weir.BuilderID(len(m.lines) + 1), BuilderKey: key}, tested: -1, owned: -1}
			m.lines = append(m.lines, l)
			p.lines = append(p.lines, l)
		}
		p.repin()
		for _, l := range p.lines {
			l.start = p.pins
		}
		m.schedule(p, begin)
	}
	m.plan(m.lines)
	for len(m.events) > 0 && !m.events[0].at.After(m.end) {
		e := heap.Pop(&m.events).(event)
		m.now = e.at
		e.call()
	}
	m.now = m.end
	m.tally.close(m)
	return m.tally
}

// hire makes the workers; every fourth has two slots.
func (m *sim) hire() {
	left := 1.0
	at, n := 0, 0
	for _, p := range platforms()[:m.Platforms] {
		share := p.share
		if at == m.Platforms-1 {
			share = left
		}
		left -= share
		count := max(int(float64(m.Workers)*share+0.5), 1)
		if at == m.Platforms-1 {
			count = max(m.Workers-n, 1)
		}
		for range count {
			w := &worker{Worker: weir.Worker{Name: fmt.Sprintf("w%02d", n), Platform: p.name, Slots: 1}, platform: at, warm: map[string]bool{}}
			if n%4 == 3 {
				w.Slots = 2
			}
			m.tally.Slots += w.Slots
			m.workers = append(m.workers, w)
			for range w.Slots {
				m.idle[at] = append(m.idle[at], w)
			}
			n++
		}
		at++
	}
}

func (m *sim) at(t time.Time, call func()) {
	m.seq++
	heap.Push(&m.events, event{t, m.seq, call})
}

// schedule draws the changes of a project.
func (m *sim) schedule(p *project, begin time.Time) {
	rate := ownChanges
	switch p.kind {
	case isOrdinary:
		rate = m.Changes
	case isUpstream:
		for _, u := range m.Upstreams {
			if u.Name == p.name {
				rate = u.Changes
			}
		}
	}
	if p.dead {
		rate = 0
	}
	for _, t := range drawChanges(m.rng, begin, m.Days, rate) {
		m.at(t, func() { m.change(p) })
	}
}

// repin makes new tips.
func (p *project) repin() {
	p.pins = weir.Pins{p.name: revision(p.tip())}
	if p.upstream != nil {
		p.pins[p.upstream.name] = revision(p.upstream.tip())
	}
}

// change lets a project have a new revision.
func (m *sim) change(p *project) {
	p.changes = append(p.changes, m.now)
	p.repin()
	lines := slices.Clone(p.lines)
	if p.kind == isUpstream {
		n := p.tip()
		p.broken[n] = m.rng.Float64() < unbuildable
		if m.rng.Float64() < breaks {
			b := &breakage{from: n, to: n + mendedAfter}
			p.culprits[n] = b
			for _, d := range p.behind {
				if m.rng.Float64() < victims {
					d.breaks = append(d.breaks, b)
				}
			}
		}
		for _, d := range p.behind {
			d.repin()
			lines = append(lines, d.lines...)
		}
	}
	m.plan(lines)
}

// plan does what schedule.Plan decides on some lines.
func (m *sim) plan(lines []*line) {
	m.lineup = m.lineup[:0]
	m.heads = slices.Grow(m.heads[:0], len(lines)) // does not move while it is pointed to
	for _, l := range lines {
		p := l.project
		if l.head != nil && l.head.own == p.tip() && (p.upstream == nil || l.head.up == p.upstream.tip()) {
			continue
		}
		s := schedule.Line{Builder: l.builder, Start: l.start, Tips: p.pins, Waits: l.waits, Dead: l.dead}
		if l.head != nil {
			m.heads = append(m.heads, weir.Build{ID: l.head.Build, Pins: l.head.pins, Created: l.head.created, State: l.head.state})
			s.Head = &m.heads[len(m.heads)-1]
			if p.upstream != nil {
				made := p.upstream.products[productKey{p.upstream.tip(), l.platform}]
				s.Unready = made == nil || !made.state.Final() || made.failed
			}
		}
		m.lineup = append(m.lineup, s)
	}
	decisions, delays := schedule.Plan(m.lineup, m.now)
	for _, d := range delays {
		m.tally.Delays[d.Reason]++
		if l := m.lines[d.Builder-1]; d.Until.After(m.now) && l.replan.Before(d.Until) {
			l.replan = d.Until
			m.at(d.Until, func() { m.plan([]*line{l}) })
		}
	}
	for _, d := range decisions {
		m.decide(m.lines[d.Builder.ID-1], d)
	}
	for i := range m.idle {
		m.assign(i)
	}
}

// decide carries a decision out.
func (m *sim) decide(l *line, d schedule.Decision) {
	p := l.project
	j := &job{line: l, pins: d.Pins, own: p.tip(), platform: l.platform}
	j.Priority = schedule.Rank(d.Priority, 0)
	j.Lane, j.Cause = p.name, weir.CauseChange
	if d.Priority == schedule.PriorityBaseline {
		j.own = 0
	}
	if p.upstream != nil {
		j.up = p.upstream.tip()
		if d.Priority == schedule.PriorityBaseline {
			j.up = 0
		}
		if l.head == nil || l.head.up != j.up && l.head.own == j.own {
			j.Lane = p.upstream.name
		}
	}
	if old := l.head; d.Supersede && old != nil {
		m.drop(old)
		m.tally.Superseded++
	}
	if l.waits.IsZero() {
		l.waits = m.now
	}
	l.head = j
	if p.kind == isUpstream {
		j.Priority++ // others wait for it
		p.products[productKey{j.own, l.platform}] = j
	}
	m.enter(j)
}

// enter puts a build into the queue, or behind the product it needs.
func (m *sim) enter(j *job) {
	m.next++
	j.Build = m.next
	j.Builder = j.line.builder
	j.Queued = m.now
	j.Locks = j.line.project.locks
	j.created, j.state = m.now, weir.Queued
	if up := j.line.project.upstream; up != nil {
		made := up.products[productKey{j.up, j.platform}]
		switch {
		case made == nil:
			made = m.make(up, j)
			fallthrough
		case !made.state.Final():
			j.state = weir.Blocked
			made.waiters = append(made.waiters, j)
			return
		case made.failed:
			m.stuck(j)
			return
		}
		j.Products = []weir.Digest{made.product()}
	}
	m.waiting[j.Build] = j
	m.queues[j.platform].add(j)
}

// product names what a build of an upstream leaves.
func (j *job) product() weir.Digest {
	return weir.Digest(fmt.Sprint(j.line.project.name, "@", j.own, "/", j.platform))
}

// make makes the product that a build needs and nobody else does.
func (m *sim) make(up *project, of *job) *job {
	j := &job{line: up.lines[of.platform], pins: weir.Pins{up.name: revision(of.up)}, own: of.up, platform: of.platform}
	j.Priority, j.Lane, j.Cause = of.Priority+1, of.Lane, weir.CauseProduct
	up.products[productKey{of.up, of.platform}] = j
	m.tally.ProbeProducts++
	m.enter(j)
	return j
}

// drop takes a build that waits out of the queue.
func (m *sim) drop(j *job) {
	if j.state == weir.Queued {
		m.queues[j.platform].remove(j)
		delete(m.waiting, j.Build)
	}
	j.state = weir.Cancelled
}

// assign lets the idle workers of a platform look.
func (m *sim) assign(platform int) {
	q := &m.queues[platform]
	idle := m.idle[platform]
	for tries := len(idle); tries > 0 && q.size > 0; tries-- {
		w := idle[0]
		idle = idle[1:]
		if !m.give(w) {
			idle = append(idle, w)
		}
	}
	m.idle[platform] = idle
}

// give lets one worker choose one build.
func (m *sim) give(w *worker) bool {
	m.looked = m.queues[w.platform].look(m.looked[:0])
	began := time.Now()
	picked := schedule.Queue{Candidates: m.looked, Held: m.held, Locks: m.known, Warm: w.warm, Shares: &m.shares}.Pick(w.Worker, 1, m.now)
	m.tally.picking(time.Since(began))
	if len(picked) == 0 {
		return false
	}
	m.start(w, m.waiting[picked[0]])
	return true
}

// start runs a build on a worker.
func (m *sim) start(w *worker, j *job) {
	m.queues[j.platform].remove(j)
	delete(m.waiting, j.Build)
	m.shares.Began(w.Name, j.Candidate, m.now)
	m.running[j.Build] = j
	j.state = weir.Running
	if len(j.Locks) > 0 {
		m.held = append(m.held, schedule.Held{Build: j.Build, Worker: w.Name, Locks: j.Locks})
		m.tally.checkLocks(m.held, m.known)
	}
	p := j.line.project
	m.tally.started(m, j)
	took := time.Duration(float64(p.build) * (0.9 + 0.2*m.rng.Float64()))
	took += w.fetch(&w.mirrors, p.name, mirrorsKept, coldMirror, &m.tally.Mirrors)
	for _, d := range j.Products {
		took += w.fetch(&w.products, string(d), productsKept, coldProduct, &m.tally.Products)
	}
	m.tally.Busy += min(took, m.end.Sub(m.now))
	m.at(m.now.Add(took), func() { m.finish(w, j) })
	if j.line.head == j {
		j.line.waits = time.Time{}
		m.at(m.now, func() { m.plan([]*line{j.line}) })
	}
}

// fetch makes something ready on a worker, if it is not, and says how long that takes.
func (w *worker) fetch(kept *[]string, what string, most int, cold time.Duration, hits *Hits) time.Duration {
	hits.Asked++
	if i := slices.Index(*kept, what); i >= 0 {
		hits.Found++
		*kept = append(slices.Delete(*kept, i, i+1), what)
		return 0
	}
	*kept = append(*kept, what)
	w.warm[what] = true
	if len(*kept) > most {
		delete(w.warm, (*kept)[0])
		*kept = (*kept)[1:]
	}
	return cold
}

// finish ends a build.
func (m *sim) finish(w *worker, j *job) {
	delete(m.running, j.Build)
	m.shares.Ended(j.Build, m.now)
	m.held = slices.DeleteFunc(m.held, func(h schedule.Held) bool { return h.Build == j.Build })
	p := j.line.project
	j.state = weir.Finished
	j.failed = p.kind == isUpstream && p.broken[j.own]
	m.idle[j.platform] = append(m.idle[j.platform], w)
	if p.kind == isUpstream {
		m.made(j)
	}
	m.judge(j)
	for i := range m.idle { // a lock may be free now
		if i == j.platform || len(j.Locks) > 0 {
			m.assign(i)
		}
	}
}

// made lets those go on that have waited for a product.
func (m *sim) made(j *job) {
	for _, waiter := range j.waiters {
		if waiter.state != weir.Blocked {
			continue
		}
		if j.failed {
			m.stuck(waiter)
			continue
		}
		waiter.state, waiter.Queued = weir.Queued, m.now
		waiter.Products = []weir.Digest{j.product()}
		m.waiting[waiter.Build] = waiter
		m.queues[waiter.platform].add(waiter)
	}
	j.waiters = nil
	if j.line.head != j {
		return
	}
	var behind []*line
	for _, d := range j.line.project.behind {
		behind = append(behind, d.lines[j.platform])
	}
	m.plan(behind)
}

// stuck ends a build whose product cannot be had.
func (m *sim) stuck(j *job) {
	j.state = weir.Finished
	if j.line.head == j {
		m.tally.Stuck++
		j.line.waits = time.Time{}
	}
	if j.search != nil {
		m.probe(j.search)
	}
}

// bad reports whether a project fails at a revision of its upstream.
func (p *project) bad(up int) bool {
	return slices.ContainsFunc(p.breaks, func(b *breakage) bool { return up >= b.from && up < b.to })
}

// judge counts a verdict, and asks further if something is newly bad.
func (m *sim) judge(j *job) {
	l, p := j.line, j.line.project
	if j.search != nil {
		m.probe(j.search)
		return
	}
	if j.Cause != weir.CauseChange {
		return
	}
	m.tally.verdict(m, j)
	if p.dead {
		if l.dead.Builds == 0 {
			l.dead.Since = m.now
		}
		l.dead.Builds++
	} else {
		l.dead = schedule.Dead{}
	}
	good := l.tested
	l.tested, l.owned = max(l.tested, j.up), max(l.owned, j.own)
	if p.kind != isDownstream {
		return
	}
	red := p.bad(j.up)
	if red && !l.red && good >= 0 {
		m.doubt(j, good)
	}
	l.red = red
}

// doubt runs a build again that is newly bad, and searches for the culprit if nobody does.
func (m *sim) doubt(j *job, good int) {
	again := &job{line: j.line, pins: j.pins, up: j.up, own: j.own, platform: j.platform}
	again.Priority, again.Lane, again.Cause = schedule.PriorityRetry, j.Lane, weir.CauseRetry
	m.tally.Retries++
	m.enter(again)
	for _, b := range j.line.project.breaks {
		if b.from > good && b.from <= j.up && !b.searched {
			b.searched = true
			m.tally.Searches++
			m.probe(&search{line: j.line, upstream: j.line.project.upstream, from: good, to: j.up, steps: bits.Len(uint(j.up - good - 1))})
		}
	}
}

// probe asks the next question of a search: half of what is left.
func (m *sim) probe(s *search) {
	if s.steps == 0 {
		return
	}
	s.steps--
	middle := (s.from + s.to) / 2
	j := &job{line: s.line, up: middle, own: s.line.project.tip(), platform: s.line.platform, search: s,
		pins: weir.Pins{s.upstream.name: revision(middle), s.line.project.name: revision(s.line.project.tip())}}
	j.Priority, j.Lane, j.Cause = schedule.PriorityProbe, s.upstream.name, weir.CauseProbe
	if s.line.project.bad(middle) {
		s.to = middle
	} else {
		s.from = middle
	}
	m.tally.Probes++
	m.enter(j)
}

// events is a heap, by time.
type events []event

// Len is for heap.Interface; and so are the others.
func (e events) Len() int { return len(e) }

// Less orders by time.
func (e events) Less(i, j int) bool {
	if c := e[i].at.Compare(e[j].at); c != 0 {
		return c < 0
	}
	return e[i].seq < e[j].seq
}

// Swap swaps.
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push appends.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop takes the last.
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}
