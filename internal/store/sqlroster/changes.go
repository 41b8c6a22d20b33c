package sqlroster

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// ClaimPoll gives the caller the right to poll a source until the given time,
// if nobody else has it and the source is due.
func (s Store) ClaimPoll(ctx context.Context, project, branch string, now, until time.Time) (got bool, err error) {
	err = s.write(ctx, "claim a poll", now, func(t *tx) error {
		n, err := t.Exec(`INSERT INTO sources (project, branch, claimed_until) VALUES ($1, $2, $3)
			ON CONFLICT (project, branch) DO UPDATE SET claimed_until = excluded.claimed_until
			WHERE sources.claimed_until <= $4 AND sources.next_poll <= $4`,
			sqltx.Clean(project), sqltx.Clean(branch), sqltx.Micros(until), sqltx.Micros(now))
		got = n == 1
		return err
	})
	return got, err
}

// sourceRow is what a poll needs to know of its source.
type sourceRow struct {
	polled, errSince, tip, due int64
	moved, restless            int64
	message                    string
}

// lockSource makes the source's row if there is none, and locks it.
func (t *tx) lockSource(project, branch string) (r sourceRow, err error) {
	err = t.Put(`INSERT INTO sources (project, branch) VALUES ($1, $2) ON CONFLICT DO NOTHING`, project, branch)
	if err != nil {
		return r, err
	}
	err = t.Row(`SELECT b.polled, b.error, b.err_since, b.tip, b.due, b.moved, b.restless FROM sources b WHERE b.project = $1 AND b.branch = $2`+t.Lock(),
		project, branch).Scan(&r.polled, &r.message, &r.errSince, &r.tip, &r.due, &r.moved, &r.restless)
	return r, err
}

// RecordRevisions appends revisions behind the newest one known.
func (s Store) RecordRevisions(ctx context.Context, p store.Poll) (tip weir.Tip, added int, err error) {
	project, branch := sqltx.Clean(p.Project), sqltx.Clean(p.Branch)
	err = s.write(ctx, "record revisions", p.Now, func(t *tx) error {
		src, err := t.lockSource(project, branch)
		if err != nil {
			return err
		}
		fresh, err := t.freshRevisions(project, branch, src.tip, p.Revisions)
		if err != nil {
			return err
		}
		added = len(fresh)
		if err := t.insertRevisions(project, branch, fresh); err != nil {
			return err
		}
		was := src.due
		if err := t.settle(project, branch, p, &src, added); err != nil {
			return err
		}
		if added > 0 || src.due != was {
			t.Tell(weir.EventRevisions, project)
		}
		if src.message != "" || src.polled == 0 {
			t.Tell(weir.EventSource, project)
		}
		if err := t.Put(`UPDATE sources SET polled = $3, error = '', err_since = 0, claimed_until = 0, next_poll = $4, tip = $5, due = $6, moved = $7, restless = $8
			WHERE project = $1 AND branch = $2`,
			project, branch, sqltx.Micros(p.Now), sqltx.Micros(p.Next), src.tip, src.due, src.moved, src.restless); err != nil {
			return err
		}
		tip, err = t.tip(project, branch)
		return err
	})
	return tip, added, err
}

// settle moves on which revision is due, if the branch is quiet: when the first
// revisions are seen, when none have come for as long as it should be, or when
// that has been waited for too long. The first revision of a branch is due even if
// it is passed over by itself: without it there is nothing to compare with.
func (t *tx) settle(project, branch string, p store.Poll, src *sourceRow, added int) error {
	now, quiet := sqltx.Micros(p.Now), p.Settle.Microseconds()
	if added > 0 {
		first := src.tip == 0
		src.tip, src.moved = src.tip+int64(added), now
		if src.restless == 0 {
			src.restless = now
		}
		if first {
			src.moved = now - quiet
		}
	}
	src.moved, src.restless = min(src.moved, now), min(src.restless, now) // a clock may have been ahead
	if src.tip == 0 || src.due == src.tip || quiet > 0 && now-src.moved < quiet && now-src.restless < store.MaxSettle*quiet {
		return nil
	}
	src.restless = 0
	var newest int64
	err := t.Row(`SELECT COALESCE(MAX(r.position), 1) FROM revisions r
		WHERE r.project = $1 AND r.branch = $2 AND r.position > $3 AND r.skipped = ''`, project, branch, src.due).Scan(&newest)
	src.due = max(src.due, newest)
	return err
}

// RecordSide keeps the revisions of a line that was merged. Its row among the
// sources serves as a lock; without a tip and a poll no list has it.
func (s Store) RecordSide(ctx context.Context, side store.Side) error {
	project, branch := sqltx.Clean(side.Project), sqltx.Clean(side.Branch)
	return s.write(ctx, "record a merged line", time.Now(), func(t *tx) error {
		src, err := t.lockSource(project, branch)
		if err != nil {
			return err
		}
		if src.polled != 0 || src.tip != 0 {
			return weir.Errorf(weir.Invalid, "%.80q is a branch of %.80q that is polled", branch, project)
		}
		var known int
		if err := t.Row(`SELECT COUNT(*) FROM revisions WHERE project = $1 AND branch = $2`, project, branch).Scan(&known); err != nil || known > 0 {
			return err
		}
		fresh, err := t.freshRevisions(project, branch, 0, side.Revisions)
		if err != nil {
			return err
		}
		return t.insertRevisions(project, branch, fresh)
	})
}

// freshRevisions picks those that are not known yet, and numbers them from
// behind the tip on.
func (t *tx) freshRevisions(project, branch string, tip int64, revisions []weir.Revision) ([]weir.Revision, error) {
	rows := make([][]any, len(revisions))
	for i, r := range revisions {
		if r.ID == "" {
			return nil, weir.Errorf(weir.Invalid, "a revision of %.80q has no id", project)
		}
		rows[i] = []any{sqltx.Clean(r.ID)}
	}
	known := map[string]bool{}
	err := t.InChunks(rows, func(data string) error {
		ids, err := sqltx.Collect(t, sqltx.Scalar[string], `SELECT r.id FROM revisions r JOIN `+t.Table(3, "q", "id")+` ON q.id = r.id
			WHERE r.project = $1 AND r.branch = $2`, project, branch, data)
		for _, id := range ids {
			known[id] = true
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var fresh []weir.Revision
	for _, r := range revisions {
		r.ID = sqltx.Clean(r.ID)
		if known[r.ID] {
			continue
		}
		known[r.ID] = true
		r.Position = tip + int64(len(fresh)) + 1
		fresh = append(fresh, r)
	}
	return fresh, nil
}

func (t *tx) insertRevisions(project, branch string, revisions []weir.Revision) error {
	rows := make([][]any, len(revisions))
	for i, r := range revisions {
		rows[i] = []any{r.Position, r.ID, sqltx.Clip(r.Author, weir.MaxReason), sqltx.Micros(r.Time), sqltx.Clip(r.Message, weir.MaxMessage), sqltx.Clip(r.Skipped, weir.MaxReason)}
	}
	return t.InChunks(rows, func(data string) error {
		err := t.Put(`INSERT INTO revisions (project, branch, position, id, author, time, message, skipped)
			SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), q.position, q.id, q.author, q.moment, q.message, q.skipped
			FROM `+t.Table(3, "q", "position int", "id", "author", "moment int", "message", "skipped"), project, branch, data)
		return err
	})
}

// tip reads the ends of one branch's history.
func (c conn) tip(project, branch string) (weir.Tip, error) {
	tips, err := c.tips(`WHERE s.project = $1 AND s.branch = $2`, project, branch)
	if err != nil || len(tips) == 0 {
		return weir.Tip{Project: project, Branch: branch}, err
	}
	return tips[0], nil
}

func (c conn) tips(where string, args ...any) ([]weir.Tip, error) {
	at := func(alias, position string) string {
		return c.Each("revisions", alias, fmt.Sprintf("%[1]s.project = s.project AND %[1]s.branch = s.branch AND %[1]s.position = %[2]s", alias, position))
	}
	return sqltx.Collect(c, func(r sqltx.Scanner) (t weir.Tip, err error) {
		err = r.Scan(slices.Concat([]any{&t.Project, &t.Branch}, revisionDest(&t.First), revisionDest(&t.Revision), revisionDest(&t.Due))...)
		return t, err
	}, `SELECT s.project, s.branch, f.id, f.position, f.author, f.time, f.message, f.skipped,
			l.id, l.position, l.author, l.time, l.message, l.skipped, d.id, d.position, d.author, d.time, d.message, d.skipped
		FROM sources s`+at("f", "1")+at("l", "s.tip")+at("d", "s.due")+where+` ORDER BY s.project, s.branch`, args...)
}

// RecordPollError notes why a poll came back empty-handed.
func (s Store) RecordPollError(ctx context.Context, project, branch, message string, now, next time.Time) error {
	project, branch = sqltx.Clean(project), sqltx.Clean(branch)
	message = sqltx.Clip(message, weir.MaxReason)
	if message == "" {
		message = "unknown"
	}
	return s.write(ctx, "record a failed poll", now, func(t *tx) error {
		src, err := t.lockSource(project, branch)
		if err != nil {
			return err
		}
		since := src.errSince
		if src.message == "" {
			since = sqltx.Micros(now)
		}
		if src.message != message {
			t.Tell(weir.EventSource, project)
		}
		err = t.Put(`UPDATE sources SET error = $3, err_since = $4, claimed_until = 0, next_poll = $5
			WHERE project = $1 AND branch = $2`, project, branch, message, since, sqltx.Micros(next))
		return err
	})
}

// Sources lists what is known of every source ever polled, by project.
func (s Store) Sources(ctx context.Context) ([]store.Source, error) {
	return sqltx.List(ctx, s.db, "list sources", func(r sqltx.Scanner) (src store.Source, err error) {
		err = r.Scan(&src.Project, &src.Branch, sqltx.Time(&src.Polled), &src.Error, sqltx.Time(&src.ErrSince))
		return src, err
	}, `SELECT project, branch, polled, error, err_since FROM sources
		WHERE polled <> 0 OR error <> '' ORDER BY project, branch`)
}

// Tips lists the newest revision of every project that has one.
func (s Store) Tips(ctx context.Context) (tips []weir.Tip, err error) {
	err = s.read(ctx, "list the newest revisions", func(c conn) error {
		tips, err = c.tips("")
		return err
	})
	return tips, err
}

const revisionColumns = `id, position, author, time, message, skipped`

func revisionDest(r *weir.Revision) []any {
	return []any{&r.ID, &r.Position, &r.Author, sqltx.Time(&r.Time), &r.Message, &r.Skipped}
}

func scanRevision(r sqltx.Scanner) (rev weir.Revision, err error) {
	err = r.Scan(revisionDest(&rev)...)
	return rev, err
}

// Revision finds one revision; NotFound if there is none.
func (s Store) Revision(ctx context.Context, project, branch, id string) (weir.Revision, error) {
	return sqltx.One(ctx, s.db, "find a revision", weir.Errorf(weir.NotFound, "%.80q has no revision %.80q", project, id),
		scanRevision, `SELECT `+revisionColumns+` FROM revisions WHERE project = $1 AND branch = $2 AND id = $3`,
		sqltx.Clean(project), sqltx.Clean(branch), sqltx.Clean(id))
}

// RevisionRange lists revisions with first <= position <= last, in order.
func (s Store) RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error) {
	return sqltx.List(ctx, s.db, "list revisions", scanRevision, `SELECT `+revisionColumns+` FROM revisions
		WHERE project = $1 AND branch = $2 AND position >= $3 AND position <= $4 ORDER BY position`,
		sqltx.Clean(project), sqltx.Clean(branch), first, last)
}

// RevisionsLike lists revisions whose id begins with prefix, newest first.
func (s Store) RevisionsLike(ctx context.Context, project, branch, prefix string, limit int) ([]weir.Revision, error) {
	prefix = sqltx.Clean(prefix)
	return sqltx.List(ctx, s.db, "find revisions", scanRevision, `SELECT `+revisionColumns+` FROM revisions
		WHERE project = $1 AND branch = $2 AND substr(id, 1, $3) = $4 ORDER BY CASE WHEN id = $4 THEN 0 ELSE 1 END, position DESC LIMIT $5`,
		sqltx.Clean(project), sqltx.Clean(branch), utf8.RuneCountInString(prefix), prefix, sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
}
