// Package sqlboards reads what pages show that have many builds on them:
// matrices, waterfalls, trends, the history of a worker, and how large it all
// is. It writes nothing.
//
// Such a page asks for ten thousands of builds at once, so a row has no more
// than a cell of it shows, and what many rows have in common, such as their
// pins, is read once and shared.
package sqlboards

import (
	"cmp"
	"context"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Boards implements the port store.Boards. It is safe for concurrent use.
type Boards struct{ db *sqltx.DB }

// New makes it of a database.
func New(db *sqltx.DB) Boards { return Boards{db} }

// Limits of one question.
const (
	maxPer      = 1000 // builds of each builder
	maxBuilders = 10_000
	maxLately   = 200_000 // builds in all
	usualLately = 50_000
	maxIDs      = 1000   // builds that are asked for by id
	maxSpan     = 20_000 // builds of a span
	usualSpan   = 1000
	maxLoad     = 31 * 24 * time.Hour
	maxHours    = 200_000 // hours of workers
)

const columns = `b.id, b.run_id, b.builder_id, b.cause, b.state, b.outcome, b.reason_code, b.pins, b.worker,
	b.created, b.started, b.finished, b.counts, b.changes, b.ledger, b.judgement`

// reader scans builds, and remembers what it has decoded: of the texts in a
// list most are there many times.
type reader struct {
	pins    map[string]weir.Pins
	counts  map[string]weir.Counts
	changes map[string]weir.VerdictCounts
	ledgers map[string]weir.Ledger
	names   map[string]string // short texts that come again and again
}

func newReader() *reader {
	return &reader{map[string]weir.Pins{}, map[string]weir.Counts{}, map[string]weir.VerdictCounts{}, map[string]weir.Ledger{}, map[string]string{}}
}

// decoded finds or decodes the JSON of a text; empty text is the zero value.
func decoded[T any](known map[string]T, text string) (v T, err error) {
	if text == "" {
		return v, nil
	}
	if v, ok := known[text]; ok {
		return v, nil
	}
	if err = json.Unmarshal([]byte(text), &v); err == nil {
		known[text] = v
	}
	return v, err
}

// pinsOf is decoded for pins, of which a list has many that differ: those without
// anything to unescape, which is to say all as a rule, are read by hand, in a fifth of the time.
func (r *reader) pinsOf(text string) (weir.Pins, error) {
	if known, ok := r.pins[text]; ok || text == "" {
		return known, nil
	}
	if pins, ok := plainPins(text); ok {
		r.pins[text] = pins
		return pins, nil
	}
	return decoded(r.pins, text)
}

// plainPins reads a JSON object of strings as it is stored: without spaces between them, and
// without a backslash. False for everything else.
func plainPins(text string) (weir.Pins, bool) {
	rest, ok := strings.CutPrefix(text, `{"`)
	if !ok || strings.IndexByte(text, '\\') >= 0 {
		return nil, false
	}
	pins := make(weir.Pins, 1+strings.Count(rest, `","`))
	for {
		name, after, ok1 := strings.Cut(rest, `":"`)
		revision, end, ok2 := strings.Cut(after, `"`)
		if !ok1 || !ok2 || strings.IndexByte(name, '"') >= 0 || !plain(name) || !plain(revision) {
			return nil, false
		}
		pins[name] = revision
		if end == "}" {
			return pins, true
		}
		if rest, ok = strings.CutPrefix(end, `,"`); !ok {
			return nil, false
		}
	}
}

// plain reports whether JSON has a text between its quotes as it is: what is no UTF-8, or
// controls something, it does not.
func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r < ' ' }) < 0
}

// name gives a text as it was first seen, so that it is kept once.
func (r *reader) name(s string) string {
	if s == "" {
		return s
	}
	if known, ok := r.names[s]; ok {
		return known
	}
	r.names[s] = s
	return s
}

func (r *reader) scan(row sqltx.Scanner, b *store.BoardBuild) (err error) {
	var cause, state, outcome, reason, pins, worker, counts, changes, ledger, judged string
	var created, started, finished int64
	if err := row.Scan((*int64)(&b.ID), (*int64)(&b.Run), (*int64)(&b.Builder), &cause, &state, &outcome, &reason, &pins, &worker,
		&created, &started, &finished, &counts, &changes, &ledger, &judged); err != nil {
		return err
	}
	b.Cause, b.State, b.Outcome = weir.Cause(r.name(cause)), weir.State(r.name(state)), weir.Outcome(r.name(outcome))
	b.Reason, b.Worker, b.Judged = weir.ReasonCode(r.name(reason)), r.name(worker), weir.Judgement(r.name(judged))
	b.Created, b.Started, b.Finished = sqltx.TimeOf(created), sqltx.TimeOf(started), sqltx.TimeOf(finished)
	if b.Pins, err = r.pinsOf(pins); err != nil {
		return err
	}
	if b.Counts, err = decoded(r.counts, counts); err != nil {
		return err
	}
	if b.Changes, err = decoded(r.changes, changes); err != nil {
		return err
	}
	b.Ledger, err = decoded(r.ledgers, ledger)
	return err
}

// builds reads builds; rest follows FROM, where builds are b.
func builds(c sqltx.Conn, rest string, args ...any) ([]store.BoardBuild, error) {
	return appendBuilds(nil, c, rest, args...)
}

// appendBuilds is builds into a list that may have room for them: they are large.
func appendBuilds(list []store.BoardBuild, c sqltx.Conn, rest string, args ...any) ([]store.BoardBuild, error) {
	rows, err := c.Query(`SELECT `+columns+` FROM `+rest, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for r := newReader(); rows.Next(); {
		list = append(list, store.BoardBuild{})
		if err := r.scan(rows, &list[len(list)-1]); err != nil {
			return nil, err
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return list, nil
}

// Builders lists builders, by id.
func (s Boards) Builders(ctx context.Context, after weir.BuilderID, limit int) ([]weir.Builder, error) {
	return sqltx.List(ctx, s.db, "list builders", func(r sqltx.Scanner) (b weir.Builder, err error) {
		err = r.Scan(sqlroster.BuilderDest(&b)...)
		return b, err
	}, `SELECT id, project, job, cell, platform, branch, upstreams FROM builders WHERE id > $1 ORDER BY id LIMIT $2`,
		int64(after), sqltx.Limit(limit, sqltx.LongestList, maxBuilders))
}

// Lately lists the newest builds of builders: builders by id, builds newest first.
func (s Boards) Lately(ctx context.Context, of []weir.BuilderID, per int) (list []store.BoardBuild, err error) {
	per = sqltx.Limit(per, 1, maxPer)
	err = s.db.Snapshot(ctx, "list the newest builds", func(c sqltx.Conn) error {
		if len(of) == 0 {
			var all int
			if err := c.Row(`SELECT COUNT(*) FROM builders`).Scan(&all); err != nil {
				return err
			}
			per = max(1, min(per, maxLately/max(all, 1)))
		}
		all, err := s.lines(c, of)
		if err == nil {
			list, err = earlier(c, all, per)
		}
		return err
	})
	return list, err
}

// lines lists the ends of the lines of builders, by id (none named: all).
func (Boards) lines(c sqltx.Conn, of []weir.BuilderID) ([]store.Before, error) {
	where, args := "", []any{}
	if len(of) > 0 {
		where, args = ` WHERE y.id IN `+c.In(1), append(args, sqltx.IDs(of))
	}
	return sqltx.Collect(c, func(r sqltx.Scanner) (b store.Before, err error) {
		err = r.Scan((*int64)(&b.Builder))
		return b, err
	}, `SELECT y.id FROM builders y`+where+` ORDER BY y.id`, args...)
}

// Earlier lists builds of builders from one on into the past.
func (s Boards) Earlier(ctx context.Context, of []store.Before, per int) (list []store.BoardBuild, err error) {
	if len(of) > maxBuilders {
		return nil, weir.Errorf(weir.Invalid, "builds of %d builders are asked for at once; %d are the most", len(of), maxBuilders)
	}
	if len(of) == 0 {
		return nil, nil
	}
	per = max(1, min(sqltx.Limit(per, 1, maxPer), maxLately/len(of)))
	err = s.db.Snapshot(ctx, "list earlier builds", func(c sqltx.Conn) error {
		list, err = earlier(c, of, per)
		return err
	})
	return list, err
}

// earlier is Earlier. It first looks where the oldest build of each builder is that is
// wanted, and then goes down an index from there on once per builder: both read no
// more than what is answered, however long the lines are.
func earlier(c sqltx.Conn, of []store.Before, per int) ([]store.BoardBuild, error) {
	ranges, err := oldest(c, of, per, 0)
	if err != nil || len(ranges) == 0 {
		return nil, err
	}
	data, err := sqltx.Encode(ranges)
	if err != nil {
		return nil, err
	}
	list, err := appendBuilds(make([]store.BoardBuild, 0, min(len(ranges)*per, usualLately)), c,
		c.Table(1, "q", "builder int", "oldest int", "before int")+c.Each("builds", "b", "b.builder_id = q.builder AND b.id >= q.oldest AND b.id < q.before"), data)
	arrange(list, of)
	return list, err
}

// oldest finds, for each of the builders, the oldest one of its newest builds with ids below
// one and from lower on, as many as per; lower if it has fewer. It answers with
// the builders, what it has found and below what.
func oldest(c sqltx.Conn, of []store.Before, per int, lower int64) ([][3]int64, error) {
	rows := make([][]any, len(of))
	for i, b := range of {
		before := int64(b.Build)
		if before == 0 {
			before = math.MaxInt64
		}
		rows[i] = []any{int64(b.Builder), before}
	}
	data, err := sqltx.Encode(rows)
	if err != nil {
		return nil, err
	}
	return sqltx.Collect(c, func(r sqltx.Scanner) (row [3]int64, err error) {
		err = r.Scan(&row[0], &row[1], &row[2])
		return row, err
	}, `SELECT q.builder, COALESCE((SELECT b.id FROM builds b WHERE b.builder_id = q.builder AND b.id < q.before AND b.id >= $2 ORDER BY b.id DESC LIMIT 1 OFFSET $3), $2), q.before
		FROM `+c.Table(1, "q", "builder int", "before int"), data, lower, per-1)
}

// arrange sorts builds by builder, in the order of a list, the newest first. They come in
// the order of an index as a rule, which is this one but for the direction of the ids,
// and there are so many of them that the database would sort for long.
func arrange(list []store.BoardBuild, by []store.Before) {
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].Builder == list[from].Builder {
			to++
		}
		slices.Reverse(list[from:to])
		from = to
	}
	place := make(map[weir.BuilderID]int, len(by))
	for i, b := range by {
		place[b.Builder] = i
	}
	order := func(a, b store.BoardBuild) int {
		return cmp.Or(cmp.Compare(place[a.Builder], place[b.Builder]), cmp.Compare(b.ID, a.ID))
	}
	if !slices.IsSortedFunc(list, order) {
		slices.SortFunc(list, order)
	}
}

// BoardBuilds finds builds by their ids, newest first.
func (s Boards) BoardBuilds(ctx context.Context, ids []weir.BuildID) (list []store.BoardBuild, err error) {
	if len(ids) > maxIDs {
		return nil, weir.Errorf(weir.Invalid, "%d builds are asked for at once; %d are the most", len(ids), maxIDs)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	err = s.db.Read(ctx, "find builds", func(c sqltx.Conn) error {
		list, err = builds(c, `builds b WHERE b.id IN `+c.In(1)+` ORDER BY b.id DESC`, sqltx.IDs(ids))
		return err
	})
	return list, err
}

// slack is how far out of order builds may be made, in builds: servers whose
// clocks differ make them at once.
const slack = 1000

// Span lists the builds that were made in a span of time, newest first. It looks
// for the ends of the span among the ids, which grow with time, and so reads
// no more than what it answers.
func (s Boards) Span(ctx context.Context, q store.SpanQuery) (list []store.BoardBuild, err error) {
	limit := sqltx.Limit(q.Limit, usualSpan, maxSpan)
	err = s.db.Snapshot(ctx, "list the builds of a time", func(c sqltx.Conn) (err error) {
		lower, upper := int64(0), int64(math.MaxInt64)
		from, to := int64(math.MinInt64), int64(math.MaxInt64)
		if q.Before > 0 {
			upper = int64(q.Before)
		}
		if !q.From.IsZero() {
			from = sqltx.Micros(q.From)
			if lower, err = border(c, from); err != nil {
				return err
			}
			lower -= slack
		}
		if !q.To.IsZero() {
			to = sqltx.Micros(q.To)
			end, err := border(c, to)
			if err != nil {
				return err
			}
			upper = min(upper, end+slack)
		}
		ended := int64(0)
		if !q.Ended.IsZero() {
			ended = sqltx.Micros(q.Ended)
		}
		const within = ` b.id >= $1 AND b.id < $2 AND b.created >= $3 AND b.created < $4 AND (b.finished >= $5 OR b.finished = 0)`
		if len(q.Builders) == 0 {
			list, err = builds(c, `builds b WHERE`+within+` ORDER BY b.id DESC LIMIT $6`, lower, upper, from, to, ended, limit)
			return err
		}
		lines := make([]store.Before, len(q.Builders))
		for i, id := range q.Builders {
			lines[i] = store.Before{Builder: id, Build: weir.BuildID(upper)}
		}
		most := limit
		switch {
		case !q.Ended.IsZero(): // those that count may be far apart
			most = math.MaxInt32
		case !q.To.IsZero(): // some of the newest may be too new, but no more of them than that
			most += slack
		}
		ranges, err := oldest(c, lines, most, lower)
		if err != nil {
			return err
		}
		data, err := sqltx.Encode(ranges)
		if err != nil {
			return err
		}
		list, err = builds(c, c.Table(7, "q", "builder int", "oldest int", "before int")+c.Each("builds", "b", `b.builder_id = q.builder AND b.id >= q.oldest AND`+within)+`
			ORDER BY b.id DESC LIMIT $6`, lower, upper, from, to, ended, limit, data)
		return err
	})
	return list, err
}

// border finds the first id from which on builds were made at a time or later,
// as if none had been made out of order.
func border(c sqltx.Conn, at int64) (int64, error) {
	var low, high int64 // below low they are earlier, from high on not
	if err := c.Row(`SELECT COALESCE((SELECT MIN(id) FROM builds), 0), COALESCE((SELECT MAX(id) + 1 FROM builds), 0)`).Scan(&low, &high); err != nil {
		return 0, err
	}
	for low < high {
		mid := low + (high-low)/2
		var id, created int64
		if err := c.Row(`SELECT id, created FROM builds WHERE id >= $1 ORDER BY id LIMIT 1`, mid).Scan(&id, &created); err != nil {
			return 0, err
		}
		if created >= at {
			high = mid
		} else {
			low = id + 1
		}
	}
	return low, nil
}
