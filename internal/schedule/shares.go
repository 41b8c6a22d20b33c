package schedule

import (
	"math"
	"sync"
	"time"

	"github.com/weir-ci/weir"
)

// Shares is what a server remembers of what everybody has had, so that lanes, and
// the projects of a lane, get workers in equal proportion as long as they wait.
//
// It is start-time fair queueing (Goyal, Vin and Cheng, 1996), in two levels, for
// each platform. Each lane has a finish tag: how many seconds of workers it has had,
// in virtual time. Its next build starts at that tag, or at the clock, whichever is
// later, and the lane with the earliest start goes first; when it has got a worker,
// its tag moves on by what the build is expected to take, and by the difference when
// that is known. The clock is the earliest start among the lanes that wait. So a lane
// gets its part whatever the others queue; one that had nothing to do has saved up
// nothing; and one that just came goes first, and waits for no more than a worker
// and for others that have had as little. The same holds for the projects of a lane
// among builds of the same priority. Starts within one quantum count as equal.
//
// Several servers on one database each keep their own: each is fair with what it
// gives away. What is lost with a server is forgiven. The zero value is ready, and
// may be used by several goroutines.
type Shares struct {
	mu       sync.Mutex
	pools    map[weir.Platform]*pool
	given    map[string]int // builds, by worker; see AgeTurn
	running  map[weir.BuildID]charge
	costs    map[string]float64 // what a build takes on average, in seconds, by project
	reserves map[lockKey]reservation
}

const (
	// quantum is how much may lie between two starts, in seconds, that count as equal.
	quantum = 600.0
	// unknownCost is what a build of a project is expected to take of which none
	// has ended yet, in seconds.
	unknownCost = quantum
	// costMemory is how much of the average the newest build is.
	costMemory = 0.2
	// Limits on what is remembered.
	maxRunning  = 10_000
	maxAccounts = 20_000
	maxGiven    = 10_000
	chargeTime  = 24 * time.Hour // after which nobody says any more that a build has ended
)

// pool is the accounts of one platform's workers.
type pool struct {
	clock  float64                // of the lanes
	clocks map[laneKey]float64    // of the projects of a lane, at one priority
	finish map[accountKey]float64 // finish tags
}

// laneKey is what the projects share among whom turns are taken.
type laneKey struct {
	lane     string
	priority int
}

// accountKey names an account: a lane's if the project is empty.
type accountKey struct {
	laneKey
	project string
}

// charge is what was taken for a build in advance.
type charge struct {
	platform      weir.Platform
	lane, project accountKey
	cost          float64 // seconds
	since         time.Time
}

// tag is where an account's next build starts, as of one Pick.
type tag struct {
	start float64
	clock float64 // of a project's account
}

// turn is how many quanta the start lies behind the clock.
func (t *tag) turn(clock float64) int {
	return int(math.Floor(max(t.start-clock, 0) / quantum))
}

// table is the rows of one Pick with their tags.
type table struct {
	rows  []row
	clock float64
}

func (p *pool) init() {
	if p.clocks == nil {
		p.clocks, p.finish = map[laneKey]float64{}, map[accountKey]float64{}
	}
}

func (s *Shares) pool(p weir.Platform) *pool {
	if s.pools == nil {
		s.pools = map[weir.Platform]*pool{}
	}
	if s.pools[p] == nil {
		s.pools[p] = &pool{}
		s.pools[p].init()
	}
	return s.pools[p]
}

// table finds the tags of rows, and moves the clocks on to the earliest start of
// those whose locks are free.
func (s *Shares) table(worker weir.Worker, l locks, rows []row) table {
	p := s.pool(worker.Platform)
	lanes, projects := map[string]*tag{}, map[accountKey]*tag{}
	first := math.Inf(1)
	firsts := map[laneKey]float64{}
	for i := range rows {
		r := &rows[i]
		key := accountKey{laneKey{r.Lane, r.Priority}, r.Builder.Project}
		if lanes[r.Lane] == nil {
			lanes[r.Lane] = &tag{start: p.finish[laneAccount(r.Lane)]}
		}
		if projects[key] == nil {
			projects[key] = &tag{start: p.finish[key]}
		}
		r.lane, r.project, r.cost = lanes[r.Lane], projects[key], s.cost(key.project)
		if len(r.Locks) > 0 && !l.free(r.Candidate) {
			continue
		}
		first = min(first, r.lane.start)
		if f, ok := firsts[key.laneKey]; !ok || r.project.start < f {
			firsts[key.laneKey] = r.project.start
		}
	}
	if !math.IsInf(first, 1) {
		p.clock = max(p.clock, first)
	}
	for key, f := range firsts {
		p.clocks[key] = max(p.clocks[key], f)
	}
	for _, t := range lanes {
		t.start = max(t.start, p.clock)
	}
	for key, t := range projects {
		t.clock = p.clocks[key.laneKey]
		t.start = max(t.start, t.clock)
	}
	return table{rows, p.clock}
}

func laneAccount(lane string) accountKey { return accountKey{laneKey: laneKey{lane: lane}} }

func (s *Shares) cost(project string) float64 {
	if c, ok := s.costs[project]; ok {
		return c
	}
	return unknownCost
}

// Began says that a worker has got a build.
func (s *Shares) Began(worker string, c Candidate, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == nil || len(s.given) > maxGiven {
		s.given = map[string]int{}
	}
	s.given[worker]++
	for key, r := range s.reserves {
		if r.build == c.Build {
			delete(s.reserves, key)
		}
	}
	p := s.pool(c.Builder.Platform)
	key := accountKey{laneKey{c.Lane, c.Priority}, c.Builder.Project}
	ch := charge{c.Builder.Platform, laneAccount(c.Lane), key, s.cost(c.Builder.Project), now}
	p.finish[ch.lane] = max(p.finish[ch.lane], p.clock) + ch.cost
	p.finish[key] = max(p.finish[key], p.clocks[key.laneKey]) + ch.cost
	p.forget()
	if s.running == nil {
		s.running = map[weir.BuildID]charge{}
	}
	s.running[c.Build] = ch
	if len(s.running) > maxRunning {
		for id, old := range s.running {
			if now.Sub(old.since) > chargeTime || len(s.running) > 2*maxRunning {
				delete(s.running, id)
			}
		}
	}
}

// Ended says that a build has left its worker, however. One that this server did
// not give away is not known.
func (s *Shares) Ended(id weir.BuildID, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ch, ok := s.running[id]
	if !ok {
		return
	}
	delete(s.running, id)
	took := min(max(now.Sub(ch.since), 0), chargeTime).Seconds()
	p := s.pool(ch.platform)
	for _, key := range []accountKey{ch.lane, ch.project} {
		if f, ok := p.finish[key]; ok { // otherwise it was forgiven meanwhile
			p.finish[key] = f + took - ch.cost
		}
	}
	if s.costs == nil || len(s.costs) > maxAccounts {
		s.costs = map[string]float64{}
	}
	if mean, ok := s.costs[ch.project.project]; ok {
		took = (1-costMemory)*mean + costMemory*took
	}
	s.costs[ch.project.project] = took
}

// forget drops accounts that say no more than their clock, when there are many.
func (p *pool) forget() {
	if len(p.finish) <= maxAccounts {
		return
	}
	for key, f := range p.finish {
		clock := p.clock
		if key.project != "" {
			clock = p.clocks[key.laneKey]
		}
		if f <= clock {
			delete(p.finish, key)
		}
	}
	if len(p.finish) > maxAccounts/2 { // all are forgiven, so that this is not done each time
		*p = pool{clock: p.clock}
		p.init()
	}
}
