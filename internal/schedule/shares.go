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
	maxLanes    = 5_000  // and priorities of lanes
	maxProjects = 20_000 // of a lane
	maxGiven    = 10_000
	chargeTime  = 24 * time.Hour // after which nobody says any more that a build has ended
)

// pool is the accounts of one platform's workers.
type pool struct {
	lanes    account
	projects map[laneKey]*account
}

// account is the finish tags of those who take turns with each other: lanes, in seconds,
// or the projects of a lane among builds of one priority, in builds.
type account struct {
	clock  float64
	finish map[string]float64
}

// laneKey is what projects share among whom turns are taken.
type laneKey struct {
	lane     string
	priority int
}

// charge is what was taken for a build in advance.
type charge struct {
	platform weir.Platform
	key      laneKey
	project  string
	worker   string
	cost     float64 // seconds
	since    time.Time
}

// lane is a lane as of one Pick.
type lane struct {
	name  string
	start float64 // of its next build
}

// group is what waits of a lane at one priority, as of one Pick.
type group struct {
	laneKey
	lane  *lane
	own   *account // nil: of none of its projects anything is known
	clock float64
	first float64 // the earliest start of its projects
}

// turn is how many quanta the lane's start lies behind the clock.
func (l *lane) turn(clock float64) int { return int(max(l.start-clock, 0) / quantum) }

func (s *Shares) pool(p weir.Platform) *pool {
	if s.pools == nil {
		s.pools = map[weir.Platform]*pool{}
	}
	if s.pools[p] == nil {
		s.pools[p] = &pool{lanes: account{finish: map[string]float64{}}, projects: map[laneKey]*account{}}
	}
	return s.pools[p]
}

// tag gives rows their starts, and moves the clocks on to the earliest start of
// those whose locks are free. It returns the clock of the lanes.
func (s *Shares) tag(worker weir.Worker, l locks, rows []row) float64 {
	p := s.pool(worker.Platform)
	lanes, groups := map[string]*lane{}, map[laneKey]*group{}
	var last *group // rows of a lane mostly come one after the other
	first := math.Inf(1)
	for i := range rows {
		r := &rows[i]
		if last == nil || last.laneKey != (laneKey{r.Lane, r.Priority}) {
			last = p.group(lanes, groups, laneKey{r.Lane, r.Priority})
		}
		r.group, r.cost, r.start = last, s.cost(r.Builder.Project), 0
		if last.own != nil {
			r.start = last.own.finish[r.Builder.Project]
		}
		if len(r.Locks) > 0 && !l.free(r.Candidate) {
			continue
		}
		first = min(first, last.lane.start)
		last.first = min(last.first, r.start)
	}
	if !math.IsInf(first, 1) {
		p.lanes.clock = max(p.lanes.clock, first)
	}
	for _, g := range groups {
		if g.own != nil && !math.IsInf(g.first, 1) {
			g.own.clock = max(g.own.clock, g.first)
			g.clock = g.own.clock
		}
	}
	for _, l := range lanes {
		l.start = max(l.start, p.lanes.clock)
	}
	for i := range rows {
		rows[i].start = max(rows[i].start, rows[i].group.clock)
	}
	return p.lanes.clock
}

func (p *pool) group(lanes map[string]*lane, groups map[laneKey]*group, key laneKey) *group {
	if g := groups[key]; g != nil {
		return g
	}
	if lanes[key.lane] == nil {
		lanes[key.lane] = &lane{key.lane, p.lanes.finish[key.lane]}
	}
	g := &group{laneKey: key, lane: lanes[key.lane], own: p.projects[key], first: math.Inf(1)}
	groups[key] = g
	return g
}

// spend notes what a row that was picked takes from the others of the same Pick.
func spend(rows []row, r *row) {
	r.group.lane.start += r.cost
	for i := range rows {
		if o := &rows[i]; o.group == r.group && o.Builder.Project == r.Builder.Project {
			o.start++
		}
	}
}

func (s *Shares) cost(project string) float64 {
	if c, ok := s.costs[project]; ok {
		return c
	}
	return unknownCost
}

// Began says that a worker has got a build. If another was said to have it, that one
// has not taken it, or is lost: a build is charged once.
func (s *Shares) Began(worker string, c Candidate, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.given == nil || len(s.given) > maxGiven {
		s.given = map[string]int{}
	}
	s.given[worker]++
	s.release(c.Build)
	s.takeBack(c.Build)
	ch := charge{c.Builder.Platform, laneKey{c.Lane, c.Priority}, c.Builder.Project, worker, s.cost(c.Builder.Project), now}
	p := s.pool(ch.platform)
	p.forget(ch.key)
	if p.projects[ch.key] == nil {
		p.projects[ch.key] = &account{finish: map[string]float64{}}
	}
	p.lanes.charge(c.Lane, ch.cost)
	p.projects[ch.key].charge(ch.project, 1)
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

// Changed says that something became of a build. If it waited and locks are kept for
// it, they are let go: it may have been cancelled, and who goes on waiting asks again.
func (s *Shares) Changed(id weir.BuildID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.release(id)
}

// Returned says that a worker has not taken a build that it got: what was charged for
// it is taken back, and nothing is learned of how long builds take. A build that another
// worker has, or that this server did not give away, is left alone.
func (s *Shares) Returned(id weir.BuildID, worker string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running[id].worker == worker {
		s.takeBack(id)
	}
}

// takeBack undoes the charge for a build, if there is one.
func (s *Shares) takeBack(id weir.BuildID) {
	ch, ok := s.running[id]
	if !ok {
		return
	}
	delete(s.running, id)
	p := s.pool(ch.platform)
	p.lanes.correct(ch.key.lane, -ch.cost)
	if own := p.projects[ch.key]; own != nil { // otherwise it is forgiven
		own.correct(ch.project, -1)
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
	p.lanes.correct(ch.key.lane, took-ch.cost)
	if s.costs == nil || len(s.costs) > maxProjects {
		s.costs = map[string]float64{}
	}
	if mean, ok := s.costs[ch.project]; ok {
		took = (1-costMemory)*mean + costMemory*took
	}
	s.costs[ch.project] = took
}

// charge moves a finish tag on.
func (a *account) charge(name string, cost float64) {
	a.finish[name] = max(a.finish[name], a.clock) + cost
}

// correct moves a finish tag by what was charged too little.
func (a *account) correct(name string, by float64) {
	if f, ok := a.finish[name]; ok { // otherwise it is forgiven
		a.finish[name] = f + by
	}
}

// forget drops what says no more than its clock, or was said of many, when there is
// much of it.
func (p *pool) forget(key laneKey) {
	if len(p.lanes.finish) > maxLanes {
		p.lanes.forget(maxLanes)
	}
	if len(p.projects) > maxLanes {
		clear(p.projects)
	}
	if own := p.projects[key]; own != nil && len(own.finish) > maxProjects {
		own.forget(maxProjects)
	}
}

func (a *account) forget(most int) {
	for name, f := range a.finish {
		if f <= a.clock {
			delete(a.finish, name)
		}
	}
	if len(a.finish) > most/2 { // all are forgiven, so that this is not done each time
		clear(a.finish)
	}
}
