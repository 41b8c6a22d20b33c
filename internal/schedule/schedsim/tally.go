package schedsim

import (
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

// Tally is what a farm's life was like.
type Tally struct {
	Scale
	Slots int // of all workers
	Busy  time.Duration
	// Builds counts those that began, by their cause.
	Builds map[weir.Cause]int
	// Wanted is how many builds it would take to build every line at every revision
	// of its projects.
	Wanted int
	// Superseded are the builds of lines that gave their place to a newer revision
	// before they began; Stuck are those whose product could not be made.
	Superseded, Stuck                        int
	Retries, Searches, Probes, ProbeProducts int
	Delays                                   map[schedule.DelayReason]int
	Mirrors, Products                        Hits
	// MirrorChance is the part of builds that would find their project's mirror if
	// they went anywhere.
	MirrorChance   float64
	Lines          int
	Violations     int // of locks
	LongestWait    time.Duration
	Never          int // lines that were never built
	LongestUnbuilt time.Duration
	// Verdicts are how long changes waited for their first verdict on each line, and
	// Waits how long builds waited in the queue, in seconds, by kind.
	Verdicts, Waits [kinds][]float32
	Picks           int
	Picking         time.Duration
	SlowestPick     time.Duration
}

// Hits is how often something was asked for, and lay ready.
type Hits struct{ Asked, Found int }

// Rate is the share of those that found it.
func (h Hits) Rate() float64 {
	if h.Asked == 0 {
		return 0
	}
	return float64(h.Found) / float64(h.Asked)
}

// Whose changes and builds are counted apart.
const (
	ofBig      = iota // of the first upstream, on the lines behind it
	ofSmall           // of the others
	ofOwn             // of a downstream itself
	ofOrdinary        // of a project without an upstream
	ofProduct         // of an upstream itself
	kinds
)

func newTally(s Scale) *Tally {
	return &Tally{Scale: s, Builds: map[weir.Cause]int{}, Delays: map[schedule.DelayReason]int{}}
}

func (t *Tally) picking(d time.Duration) {
	t.Picks++
	t.Picking += d
	t.SlowestPick = max(t.SlowestPick, d)
}

// kindOf says under what a build is counted.
func (t *Tally) kindOf(j *job) int {
	switch p := j.line.project; {
	case p.kind == isUpstream:
		return ofProduct
	case p.kind == isOrdinary:
		return ofOrdinary
	case j.Lane == p.name:
		return ofOwn
	case j.Lane == t.Upstreams[0].Name:
		return ofBig
	}
	return ofSmall
}

// Settling is how long the farm has been there before what it does is counted as what
// people feel: first of all it builds every line once.
const Settling = 2 * 24 * time.Hour

func (t *Tally) started(m *sim, j *job) {
	t.Builds[j.Cause]++
	if j.Cause == weir.CauseChange && m.now.Sub(m.begin) > Settling {
		wait := m.now.Sub(j.Queued)
		t.Waits[t.kindOf(j)] = append(t.Waits[t.kindOf(j)], float32(wait.Seconds()))
		if !j.line.waits.IsZero() {
			t.LongestWait = max(t.LongestWait, m.now.Sub(j.line.waits))
		}
	}
}

// verdict counts how long the changes waited that a build is the first to answer for.
func (t *Tally) verdict(m *sim, j *job) {
	l, p := j.line, j.line.project
	add := func(kind int, changes []time.Time, known, now int) {
		for n := max(known+1, 1); n <= now; n++ { // the first revision is before everything
			if changes[n].Sub(m.begin) < Settling {
				continue
			}
			t.Verdicts[kind] = append(t.Verdicts[kind], float32(m.now.Sub(changes[n]).Seconds()))
		}
	}
	switch p.kind {
	case isUpstream:
		add(ofProduct, p.changes, l.owned, j.own)
	case isOrdinary:
		add(ofOrdinary, p.changes, l.owned, j.own)
	case isDownstream:
		add(ofOwn, p.changes, l.owned, j.own)
		kind := ofSmall
		if p.upstream == m.projects[0] {
			kind = ofBig
		}
		if !p.dead {
			add(kind, p.upstream.changes, l.tested, j.up)
		}
	}
}

// checkLocks counts locks of which more is held than there is.
func (t *Tally) checkLocks(held []schedule.Held, known map[string]weir.Lock) {
	type key struct{ name, worker string }
	used := map[key]int{}
	for _, h := range held {
		for _, u := range h.Locks {
			k := key{name: u.Name}
			if known[u.Name].Scope == weir.LockWorker {
				k.worker = h.Worker
			}
			if used[k] += u.Shares(); used[k] > known[u.Name].Shares() {
				t.Violations++
			}
		}
	}
}

// close counts what the end shows.
func (t *Tally) close(m *sim) {
	t.Lines = len(m.lines)
	t.MirrorChance = min(1, float64(mirrorsKept)/float64(len(m.projects)))
	for _, l := range m.lines {
		t.Wanted += 1 + l.project.tip()
		if up := l.project.upstream; up != nil {
			t.Wanted += up.tip()
		}
		if l.tested < 0 && l.owned < 0 && l.project.kind != isUpstream {
			t.Never++
		}
		if !l.waits.IsZero() {
			t.LongestUnbuilt = max(t.LongestUnbuilt, m.end.Sub(l.waits))
		}
	}
	for k := range t.Verdicts {
		slices.Sort(t.Verdicts[k])
		slices.Sort(t.Waits[k])
	}
}

// Quantile is the value below which a part of sorted values lies.
func Quantile(sorted []float32, part float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return time.Duration(float64(sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]) * float64(time.Second))
}

// Utilisation is the part of their time that workers were busy.
func (t *Tally) Utilisation() float64 {
	return float64(t.Busy) / float64(time.Duration(t.Days)*24*time.Hour) / float64(t.Slots)
}
