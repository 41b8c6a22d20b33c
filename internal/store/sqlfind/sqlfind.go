// Package sqlfind finds things by words that people type, in the SQL that both
// databases speak: tests, builders, revisions.
//
// Tests are found by the beginnings of words of their names. There may be millions of
// them, so the words are kept in tables of their own: those of a suite once,
// however many tests it has, and those of a test's own name. They are written
// when a baseline gets a test that no builder of the same project and job had
// before, in the same transaction (see [Learn]), and go with the last of these
// that has it (see [Forget]). Databases from before words were kept get them
// from [CatchUp].
//
// Builders and revisions are found by looking through the newest of them.
package sqlfind

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Finder implements the port store.Finder. It is safe for concurrent use.
type Finder struct{ db *sqltx.DB }

// New makes it of a database.
func New(db *sqltx.DB) Finder { return Finder{db} }

// Limits of one question.
const (
	maxFound       = 100
	usualFound     = 20
	firstPage      = 200    // candidates that are read at first
	otherPages     = 4000   // and then at a time
	maxCandidates  = 10_000 // of names, and as many of suites
	countedHits    = 2000   // how exactly it is known how rare a word is
	maxBuilders    = 20_000 // that are looked through
	maxRevisions   = 5000
	maxTyped       = 100 // bytes of a word of a message
	afterAllWords  = "\U0010FFFF"
	escapedPattern = `\`
)

// FindTests finds tests by the beginnings of words of their names.
func (f Finder) FindTests(ctx context.Context, typed []string, limit int) (found []store.FoundTest, err error) {
	words := asked(typed)
	if len(words) == 0 {
		return nil, nil
	}
	limit = sqltx.Limit(limit, usualFound, maxFound)
	err = f.db.Snapshot(ctx, "look for tests", func(c sqltx.Conn) error {
		rarest, err := rarest(c, words)
		if err != nil {
			return err
		}
		s := search{c: c, words: words, rarest: rarest, limit: limit, seen: map[int64]bool{}}
		if err := s.byName(); err != nil {
			return err
		}
		if err := s.bySuite(); err != nil {
			return err
		}
		found = s.found
		return nil
	})
	slices.SortFunc(found, func(a, b store.FoundTest) int {
		return cmp.Or(cmp.Compare(a.Project, b.Project), cmp.Compare(a.Job, b.Job), a.Test.Compare(b.Test))
	})
	return found, err
}

// rarest tells which of the words fewest tests have, as far as they are counted.
func rarest(c sqltx.Conn, words []string) (word string, err error) {
	least := int64(-1)
	for _, w := range words {
		if len(words) == 1 {
			return w, nil
		}
		var n int64
		if err := c.Row(`SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM test_words WHERE word >= $1 AND word < $2 LIMIT $3) names) +
			(SELECT COUNT(*) FROM (SELECT 1 FROM suite_words w JOIN tests t ON t.suite_id = w.suite_id WHERE w.word >= $1 AND w.word < $2 LIMIT $3) whole)`,
			w, w+afterAllWords, countedHits).Scan(&n); err != nil {
			return "", err
		}
		if least < 0 || n < least {
			least, word = n, w
		}
	}
	return word, nil
}

// search is what FindTests has found so far.
type search struct {
	c      sqltx.Conn
	words  []string // all that are asked for
	rarest string   // the one along which candidates are read
	limit  int
	seen   map[int64]bool
	found  []store.FoundTest
}

// candidate is a test that has the rarest word, and which of its words that is.
type candidate struct {
	word     string
	id       int64 // of the test
	suite    int64
	test     store.FoundTest
	complete bool // it has all others too
}

func (s *search) scan(r sqltx.Scanner) (k candidate, err error) {
	err = r.Scan(&k.word, &k.id, &k.suite, &k.test.Project, &k.test.Job, &k.test.Test.Suite, &k.test.Test.Name)
	k.complete = err == nil && (len(s.words) == 1 || has(append(Words(k.test.Test.Suite), Words(k.test.Test.Name)...), s.words))
	return k, err
}

// take keeps what matches, and reports whether that is enough.
func (s *search) take(page []candidate) (enough bool) {
	for _, k := range page {
		if len(s.found) >= s.limit {
			return true
		}
		if k.complete && !s.seen[k.id] {
			s.seen[k.id] = true
			s.found = append(s.found, k.test)
		}
	}
	return len(s.found) >= s.limit
}

const candidateColumns = `word, t.id, s.id, y.project, y.job, s.suite, t.name`

// byName reads tests with the word in their own names.
func (s *search) byName() error {
	after, last := s.rarest, int64(-1)
	for read, size := 0, firstPage; read < maxCandidates; read, size = read+size, otherPages {
		page, err := sqltx.Collect(s.c, s.scan, `SELECT hit.`+candidateColumns+` FROM (SELECT w.word, w.test_id FROM test_words w
				WHERE w.word >= $1 AND (w.word, w.test_id) > ($1, $2) AND w.word < $3 ORDER BY w.word, w.test_id LIMIT $4) hit
			JOIN tests t ON t.id = hit.test_id JOIN suites s ON s.id = t.suite_id JOIN builders y ON y.id = s.builder_id
			ORDER BY hit.word, t.id`, after, last, s.rarest+afterAllWords, size)
		if err != nil || s.take(page) || len(page) < size {
			return err
		}
		after, last = page[len(page)-1].word, page[len(page)-1].id
	}
	return nil
}

// bySuite reads tests of suites with the word in their names.
func (s *search) bySuite() error {
	after, last, name := s.rarest, int64(-1), ""
	for read, size := 0, firstPage; read < maxCandidates && len(s.found) < s.limit; read, size = read+size, otherPages {
		page, err := sqltx.Collect(s.c, s.scan, `SELECT w.`+candidateColumns+` FROM suite_words w JOIN suites s ON s.id = w.suite_id
			JOIN tests t ON t.suite_id = w.suite_id JOIN builders y ON y.id = s.builder_id
			WHERE w.word >= $1 AND (w.word, w.suite_id) >= ($1, $2) AND w.word < $3 AND (w.word > $1 OR w.suite_id > $2 OR t.name > $4)
			ORDER BY w.word, w.suite_id, t.name LIMIT $5`, after, last, s.rarest+afterAllWords, name, size)
		if err != nil || s.take(page) || len(page) < size {
			return err
		}
		end := page[len(page)-1]
		after, last, name = end.word, end.suite, end.test.Test.Name
	}
	return nil
}

// FindBuilders finds builders of which every word is in the name, by name.
func (f Finder) FindBuilders(ctx context.Context, typed []string, limit int) (found []weir.Builder, err error) {
	words := folded(typed)
	if len(words) == 0 {
		return nil, nil
	}
	err = f.db.Read(ctx, "look for builders", func(c sqltx.Conn) error {
		rows, err := c.Query(`SELECT id, project, job, cell, platform, branch, upstreams FROM builders ORDER BY id DESC LIMIT $1`, maxBuilders)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var b weir.Builder
			if err := rows.Scan(sqlroster.BuilderDest(&b)...); err != nil {
				return err
			}
			name := strings.ToLower(b.Name())
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(name, w) }) {
				found = append(found, b)
			}
		}
		return rows.Err()
	})
	slices.SortFunc(found, func(a, b weir.Builder) int { return cmp.Or(cmp.Compare(a.Name(), b.Name()), cmp.Compare(a.ID, b.ID)) })
	return found[:min(len(found), sqltx.Limit(limit, usualFound, maxFound))], err
}

// folded lists words as they are looked for in texts.
func folded(typed []string) (words []string) {
	for _, t := range typed {
		if t = strings.TrimSpace(sqltx.Clip(strings.ToLower(sqltx.Clip(t, maxTyped)), maxTyped)); t != "" && len(words) < maxAsked {
			words = append(words, t)
		}
	}
	return words
}

// FindRevisions finds revisions by words of their message or author, or by the
// beginning of their id, among the newest. Letters beyond ASCII are found as they are written.
func (f Finder) FindRevisions(ctx context.Context, typed []string, limit int) ([]store.FoundRevision, error) {
	words := folded(typed)
	if len(words) == 0 {
		return nil, nil
	}
	q := &sqltx.Where{}
	most := q.Arg(maxRevisions)
	for _, w := range words {
		q.And(`lower(r.message || ' ' || r.author) LIKE ? ESCAPE '`+escapedPattern+`'`, "%"+escape(w)+"%")
	}
	where := q.String()
	if len(words) == 1 {
		where += ` OR lower(r.id) LIKE ` + q.Arg(escape(words[0])+"%") + ` ESCAPE '` + escapedPattern + `'`
	}
	limitAt := q.Arg(sqltx.Limit(limit, usualFound, maxFound))
	// Without an order of its own, what is outside ends as soon as it has enough of
	// what comes from inside, newest first.
	found, err := sqltx.List(ctx, f.db, "look for revisions", func(r sqltx.Scanner) (v store.FoundRevision, err error) {
		err = r.Scan(&v.Project, &v.Branch, &v.Revision.ID, &v.Revision.Position, &v.Revision.Author, sqltx.Time(&v.Revision.Time), &v.Revision.Message, &v.Revision.Skipped)
		return v, err
	}, `SELECT r.project, r.branch, r.id, r.position, r.author, r.time, r.message, r.skipped
		FROM (SELECT project, branch, id, position, author, time, message, skipped FROM revisions ORDER BY time DESC LIMIT `+most+`) r`+where+` LIMIT `+limitAt, q.Args()...)
	slices.SortFunc(found, func(a, b store.FoundRevision) int {
		return cmp.Or(b.Revision.Time.Compare(a.Revision.Time), cmp.Compare(a.Project, b.Project), cmp.Compare(a.Branch, b.Branch), cmp.Compare(b.Revision.Position, a.Revision.Position))
	})
	return found, err
}

// escape makes text of a pattern for LIKE stand for itself.
func escape(s string) string {
	return strings.NewReplacer(escapedPattern, escapedPattern+escapedPattern, "%", escapedPattern+"%", "_", escapedPattern+"_").Replace(s)
}
