package sqlstore

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// A look at the queue costs the same however long it is. The lanes are found by
// skipping: from each one index leads straight to the next. Of each the first few
// builds are read, and the oldest, which may be none of those. Those that come first
// of all are read too: there may be more lanes than one look takes in, and most of
// them may be short. Nothing else costs a lease as much, so little is read of each build,
// and those of a lane are one text.

const (
	foremost = 10 // builds are offered in any case that come first of all lanes
	perLane  = 20 // builds are read at most that come first in their lane
)

// perLaneOf is how many builds are read of each lane if so many are to be read in all.
func perLaneOf(limit, lanes int) int { return min(perLane, (limit+lanes-1)/lanes) }

// between stands between builds, and inLane in front of the lane of one. They are
// in no JSON, and in the name of no lane, see laneOf.
const (
	between = "\x1e"
	inLane  = "\x1f"
)

// laneOf is the lane of a run for a project: its name, on one line.
func laneOf(project string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, project)
}

// rowText is a candidate, of alias x, as text.
const rowText = `CAST(x.id AS TEXT) || ' ' || x.builder_id || ' ' || x.priority || ' ' || x.queued || ' ' || x.attempts || ' ' || x.cause || ' ' || x.labels`

// isQueued is the condition that a build, of alias x, may be leased.
const isQueued = `x.platform = $1 AND x.state = 'queued' AND x.not_before <= $2`

// wanted is the condition that a worker, of that parameter, does not refuse a build,
// of alias x, at $2, if that matters. It is a count, of 0 or 1, and no NOT EXISTS, so that
// the databases ask for each build they come to, and go along the queue as they do
// without; that it is not 1 is what they take to be so for most.
func wanted(picky bool, worker string) string {
	if !picky {
		return ""
	}
	return ` AND (SELECT COUNT(*) FROM refusals f WHERE f.worker = ` + worker + ` AND f.builder_id = x.builder_id AND f.until > $2) <> 1`
}

// byPriority and byAge are conditions that always hold: each lets the databases
// take the one index that is made for the question.
const (
	byPriority = ` AND attempts >= 0`
	byAge      = ` AND queued >= 0`
)

// lookSQL renders the query of a look: from the first lane on, or from the one
// behind $4; for a worker that is picky, which is the last parameter, without what it
// refuses. Its columns are the kind of the row, a name, and two texts; see the
// kinds of rows.
func lookSQL(behind, picky bool) string {
	lanes := `SELECT y.lane FROM builds y WHERE y.platform = $1 AND y.state = 'queued'` + byPriority
	from, worker := "", "$4"
	if behind {
		from, worker = ` AND y.lane > $4`, "$5"
	}
	isQueued := isQueued + wanted(picky, worker)
	return `WITH RECURSIVE lanes (lane, place) AS (
			SELECT (` + lanes + from + ` ORDER BY y.lane LIMIT 1), 1
			UNION ALL SELECT (` + lanes + ` AND y.lane > l.lane ORDER BY y.lane LIMIT 1), l.place + 1
			FROM lanes l WHERE l.lane IS NOT NULL AND l.place < ` + strconv.Itoa(store.LaneLimit) + `)
		SELECT ` + aLane + `, l.lane,
			COALESCE((SELECT string_agg(w.line, '` + between + `') FROM (SELECT ` + rowText + ` AS line FROM builds x WHERE ` + isQueued + ` AND x.lane = l.lane` + byPriority + `
				ORDER BY x.priority DESC, x.id LIMIT (SELECT CASE WHEN CAST($3 AS BIGINT) > ` + strconv.Itoa(perLane) + ` * COUNT(z.lane) THEN ` + strconv.Itoa(perLane) + `
					ELSE (CAST($3 AS BIGINT) + COUNT(z.lane) - 1) / COUNT(z.lane) END FROM lanes z)) w), ''),
			COALESCE((SELECT ` + rowText + ` FROM builds x WHERE ` + isQueued + ` AND x.lane = l.lane` + byAge + ` ORDER BY x.id LIMIT 1), '')
		FROM lanes l WHERE l.lane IS NOT NULL
		UNION ALL SELECT ` + theFirst + `, '', COALESCE(string_agg(w.line, '` + between + `'), ''), '' FROM (SELECT ` + rowText + ` || '` + inLane + `' || x.lane AS line
			FROM builds x WHERE ` + isQueued + ` ORDER BY x.priority DESC, x.id LIMIT $3) w
		UNION ALL SELECT ` + theNames + `, CAST(COALESCE((SELECT g.count FROM guards g WHERE g.name = '` + sqlroster.RenameGuard + `'), 0) AS TEXT), '', ''`
}

// The kinds of rows of a look.
const (
	aLane    = `1` // its name, the builds that come first in it, and the oldest one
	theFirst = `2` // the builds that come first of all, each with its lane
	theNames = `3` // how often builders have got other names
)

// look is a look at the queue that was asked for.
type look struct {
	platform weir.Platform
	limit    int
	asked    sqltx.Asked
}

// askCandidates asks for queued builds that may be leased.
func (c conn) askCandidates(lanes *turns, ask store.LeaseAsk, limit int) look {
	args := []any{sqltx.Clean(string(ask.Platform)), sqltx.Micros(ask.Now), limit}
	behind := lanes.next(ask.Platform)
	if behind != "" {
		args = append(args, behind)
	}
	if ask.Picky {
		args = append(args, ask.Worker)
	}
	return look{ask.Platform, limit, c.Later(lookSQL(behind != "", ask.Picky), args...)}
}

// offer is a candidate with what is needed to read the rest of it.
type offer struct {
	store.Candidate
	builder weir.BuilderID
	place   int // in its lane, or among all; 0 if it is among the foremost or the oldest in its lane
	marks   string
}

// candidates reads queued builds that were asked for, and reports whether there
// may be more than those.
func (t *tx) candidates(k *sqlroster.Builders, lanes *turns, queue look) (q store.Queue, more bool, err error) {
	offers, names, more, err := queue.read(lanes)
	if err != nil || len(offers) == 0 {
		return q, more, err
	}
	builders := make([]weir.BuilderID, len(offers))
	for i, o := range offers {
		builders[i] = o.builder
	}
	found, err := k.Of(t.Conn, names, builders)
	if err != nil {
		return q, more, err
	}
	for i := range offers {
		offers[i].Builder = found[builders[i]]
	}
	if err := t.complete(offers); err != nil {
		return q, more, err
	}
	locking := false
	q.Candidates = make([]store.Candidate, 0, len(offers))
	for _, o := range offers {
		q.Candidates = append(q.Candidates, o.Candidate)
		locking = locking || len(o.Locks) > 0
	}
	if locking {
		q.Held, err = t.heldLocks()
	}
	return q, more, err
}

// lookRow is a row of a look.
type lookRow struct{ kind, name, first, other string }

// reading is what a look has found so far.
type reading struct {
	offers []*offer
	at     map[weir.BuildID]*offer
	err    error
}

// add adds a build, unless it has been found already. The lane may stand behind it.
func (r *reading) add(lane, text string, place int) {
	text, own, ok := strings.Cut(text, inLane)
	if ok {
		lane = own
	}
	o, err := parseOffer(text)
	if err != nil {
		r.err = err
		return
	}
	if known := r.at[o.Build]; known != nil {
		known.place = min(known.place, place)
		return
	}
	o.Lane, o.place = lane, place
	r.at[o.Build] = o
	r.offers = append(r.offers, o)
}

// read reads a look: at most store.CandidateLimit builds, by priority and age; how
// often builders have got other names; and whether there may be more builds.
func (l look) read(turn *turns) (offers []*offer, names int64, more bool, err error) {
	rows, err := sqltx.Collect(l.asked, func(s sqltx.Scanner) (r lookRow, err error) {
		err = s.Scan(&r.kind, &r.name, &r.first, &r.other)
		return r, err
	}, "")
	if err != nil {
		return nil, 0, false, err
	}
	lanes, last := 0, ""
	for _, r := range rows {
		if r.kind == aLane {
			lanes, last = lanes+1, max(last, r.name)
		}
	}
	turn.took(l.platform, lanes, last)
	more = lanes == store.LaneLimit
	found := reading{offers: make([]*offer, 0, store.CandidateLimit), at: make(map[weir.BuildID]*offer, store.CandidateLimit)}
	for _, r := range rows {
		switch {
		case r.kind == theNames:
			if names, err = strconv.ParseInt(r.name, 10, 64); err != nil {
				return nil, 0, false, err
			}
		case r.first == "":
		case r.kind == theFirst:
			for i, text := range strings.Split(r.first, between) {
				found.add("", text, max(0, i+1-foremost))
			}
		default:
			texts := strings.Split(r.first, between)
			more = more || len(texts) >= perLaneOf(l.limit, lanes)
			for i, text := range texts {
				found.add(r.name, text, i+1)
			}
			found.add(r.name, r.other, 0)
		}
	}
	return inOrder(found.offers), names, more, found.err
}

// inOrder cuts offers at what a lease looks at, each lane as much as the others,
// and sorts them by priority and age.
func inOrder(offers []*offer) []*offer {
	if len(offers) > store.CandidateLimit {
		slices.SortFunc(offers, func(a, b *offer) int {
			return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.Build, b.Build))
		})
		offers = offers[:store.CandidateLimit]
	}
	slices.SortFunc(offers, func(a, b *offer) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), cmp.Compare(a.Build, b.Build))
	})
	return offers
}

// parseOffer reads what rowText wrote.
func parseOffer(text string) (o *offer, err error) {
	o = &offer{}
	var n [5]int64
	for i := range n {
		var part string
		part, text, _ = strings.Cut(text, " ")
		if n[i], err = strconv.ParseInt(part, 10, 64); err != nil {
			return o, err
		}
	}
	cause, rest, _ := strings.Cut(text, " ")
	list, marks, marked := strings.Cut(rest, "\n")
	o.Candidate = store.Candidate{Build: weir.BuildID(n[0]), Cause: weir.Cause(cause), Priority: int(n[2]), Queued: sqltx.TimeOf(n[3]), Attempts: int(n[4])}
	o.builder, o.marks = weir.BuilderID(n[1]), marks
	if marked && marks == "" { // as version 9 of the schema had it
		o.marks = string(markWish)
	}
	if list != "null" && list != "[]" {
		err = json.Unmarshal([]byte(list), &o.Labels)
	}
	return o, err
}

// Marks stand behind the labels of a build, after a newline. They say what else
// there is to be known of it: candidates are read without asking each of them.
const (
	markWish    = 'w' // it prefers a worker, avoids one, or wants locks
	markProduct = 'p' // it needs products
)

// marksOf are those of a build to be made.
func marksOf(nb store.NewBuild) string {
	marks := ""
	if nb.Prefer != "" || nb.Avoid != "" || len(nb.Locks) > 0 {
		marks += string(markWish)
	}
	if len(nb.Needs) > 0 {
		marks += string(markProduct)
	}
	if marks == "" {
		return ""
	}
	return "\n" + marks
}

// complete fills in what the marks of offers tell of.
func (c conn) complete(offers []*offer) error {
	at := map[weir.BuildID]*offer{}
	var wishing, needing []weir.BuildID
	for _, o := range offers {
		at[o.Build] = o
		if strings.ContainsRune(o.marks, markWish) {
			wishing = append(wishing, o.Build)
		}
		if strings.ContainsRune(o.marks, markProduct) {
			needing = append(needing, o.Build)
		}
	}
	if len(wishing) > 0 {
		among, arg := sqltx.Among(c.Conn, 1, wishing)
		if _, err := sqltx.Collect(c, func(row sqltx.Scanner) (_ struct{}, err error) {
			var w store.Candidate
			if err = row.Scan(&w.Build, &w.Prefer, &w.Avoid, sqltx.JSON(&w.Locks)); err == nil {
				o := at[w.Build]
				o.Prefer, o.Avoid, o.Locks = w.Prefer, w.Avoid, w.Locks
			}
			return struct{}{}, err
		}, `SELECT b.id, b.prefer, b.avoid, b.locks FROM builds b WHERE b.id `+among, arg); err != nil {
			return err
		}
	}
	if len(needing) == 0 {
		return nil
	}
	among, arg := sqltx.Among(c.Conn, 1, needing)
	_, err := sqltx.Collect(c, func(row sqltx.Scanner) (_ struct{}, err error) {
		var id weir.BuildID
		var product weir.Digest
		if err = row.Scan(&id, &product); err == nil {
			at[id].Products = append(at[id].Products, product)
		}
		return struct{}{}, err
	}, `SELECT n.build_id, p.product_digest FROM needs n JOIN builds p ON p.id = n.need_id
		WHERE n.build_id `+among+` AND n.ending = '' AND p.product_digest <> '' ORDER BY n.build_id, n.ordinal`, arg)
	return err
}

// heldLocks lists the locks of builds that are leased or running. From then on
// until the transaction ends no other one reads them to lease more: two servers
// must not both find the same lock free.
func (t *tx) heldLocks() ([]store.Held, error) {
	if err := t.Guard("locks"); err != nil {
		return nil, err
	}
	return sqltx.Collect(t, func(row sqltx.Scanner) (h store.Held, err error) {
		err = row.Scan(&h.Build, &h.Worker, sqltx.JSON(&h.Locks))
		return h, err
	}, `SELECT b.id, b.worker, b.locks FROM builds b WHERE b.locks <> '' AND b.state IN ('leased', 'running') ORDER BY b.id`)
}

// letGo tells those who wait for builds that some may be leased now, if the one
// whose attempt ends has held locks.
func (t *tx) letGo(id weir.BuildID) error {
	platforms, err := sqltx.Collect(t, sqltx.Scalar[weir.Platform], `SELECT DISTINCT q.platform FROM builds q WHERE q.locks <> '' AND q.state = 'queued'
		AND EXISTS (SELECT 1 FROM builds b WHERE b.id = $1 AND b.locks <> '') ORDER BY q.platform`, int64(id))
	for _, p := range platforms {
		t.tellQueue(p)
	}
	return err
}

// turns remembers, where there are more lanes than one look takes in, behind
// which the next one begins. The zero value begins with the first.
type turns struct {
	mu   sync.Mutex
	last map[weir.Platform]string
}

func (t *turns) next(p weir.Platform) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last[p]
}

// took notes how many lanes a look took in, and the last of them.
func (t *turns) took(p weir.Platform, lanes int, last string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.last == nil {
		t.last = map[weir.Platform]string{}
	}
	if lanes < store.LaneLimit {
		delete(t.last, p)
		return
	}
	t.last[p] = last
}
