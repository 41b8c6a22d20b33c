package schedsim

import (
	"cmp"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

// What a look at the queue takes in, as in the farm's store.
const (
	lookBuilds = 200
	lookLanes  = 50
)

// queue is the builds of one platform that wait for a worker.
type queue struct {
	lanes []*laneQueue // by name
	turn  int          // where the next look begins, if there are many lanes
	size  int
}

// laneQueue is those of one lane, by priority and then by age.
type laneQueue struct {
	name string
	jobs []*job
	gone int // of them, which are out
}

func byRank(a, b *job) int {
	return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Build, b.Build))
}

func (q *queue) lane(name string) (at int, ok bool) {
	return slices.BinarySearchFunc(q.lanes, name, func(l *laneQueue, name string) int { return cmp.Compare(l.name, name) })
}

func (q *queue) add(j *job) {
	at, ok := q.lane(j.Lane)
	if !ok {
		q.lanes = slices.Insert(q.lanes, at, &laneQueue{name: j.Lane})
	}
	l := q.lanes[at]
	i, _ := slices.BinarySearchFunc(l.jobs, j, byRank)
	l.jobs = slices.Insert(l.jobs, i, j)
	q.size++
}

// remove takes a build out. It is only marked, until there are many such.
func (q *queue) remove(j *job) {
	at, _ := q.lane(j.Lane)
	l := q.lanes[at]
	j.gone = true
	l.gone++
	q.size--
	if l.gone > 50 && l.gone > len(l.jobs)/8 || l.gone == len(l.jobs) {
		l.jobs = slices.DeleteFunc(l.jobs, func(j *job) bool { return j.gone })
		l.gone = 0
	}
	if len(l.jobs) == 0 {
		q.lanes = slices.Delete(q.lanes, at, at+1)
	}
}

// look lists candidates as a lease sees them: of each lane the first few and the
// oldest one.
func (q *queue) look(into []schedule.Candidate) []schedule.Candidate {
	n := min(len(q.lanes), lookLanes)
	if n == 0 {
		return into
	}
	each := (lookBuilds + n - 1) / n
	for i := range n {
		l := q.lanes[(q.turn+i)%len(q.lanes)]
		var oldest *job
		n := 0
		for _, j := range l.jobs {
			if j.gone {
				continue
			}
			if n < each {
				into = append(into, j.Candidate)
			} else if j.Priority == l.jobs[len(l.jobs)-1].Priority { // what follows is younger than the first of these
				oldest = older(oldest, j)
				break
			}
			oldest = older(oldest, j)
			n++
		}
		if !slices.ContainsFunc(into[len(into)-min(n, each):], func(c schedule.Candidate) bool { return c.Build == oldest.Build }) {
			into = append(into, oldest.Candidate)
		}
	}
	if len(q.lanes) > lookLanes {
		q.turn = (q.turn + lookLanes) % len(q.lanes)
	}
	return into
}

func older(a, b *job) *job {
	if a == nil || b.Build < a.Build {
		return b
	}
	return a
}

// job is a build.
type job struct {
	schedule.Candidate
	line     *line
	pins     weir.Pins
	up, own  int // revisions
	state    weir.State
	created  time.Time
	platform int
	gone     bool   // out of the queue
	waiters  []*job // blocked until this one has ended
	failed   bool
	search   *search
}
