package sqlfind

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// learnChunk is how many tests are looked at at a time.
const learnChunk = 10_000

// row is a test as it is kept.
type row struct {
	id, suite   int64
	inSuite, of string
}

func scanRow(r sqltx.Scanner) (t row, err error) {
	err = r.Scan(&t.id, &t.suite, &t.inSuite, &t.of)
	return t, err
}

// home finds the builder under which the tests of all builders of the same project
// and job are kept: the first of them, which stays that for good, whatever they are called.
//
// Until the transaction ends nobody else learns or forgets tests of it. Without that,
// one transaction would forget a test that no builder has, and another, which
// gives it to a builder at that moment, would find it known: each is right as far as
// it sees, and in the end the test is not found though a builder has it. What is
// asked after this sees what those have done who held it before.
func home(t *sqltx.Tx, builder weir.BuilderID) (id int64, err error) {
	err = t.Reader().Row(`SELECT MIN(h.id) FROM builders h JOIN builders y ON h.project = y.project AND h.job = y.job WHERE y.id = $1`, int64(builder)).Scan(&id)
	if err != nil {
		return 0, err
	}
	return id, t.Guard(fmt.Sprintf("tests of builder %d", id))
}

// Learn makes tests findable that a builder has, if they are not yet.
func Learn(t *sqltx.Tx, builder weir.BuilderID, states []weir.TestState) error {
	if len(states) == 0 {
		return nil
	}
	at, err := home(t, builder)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(states, learnChunk) {
		rows := make([][]any, len(some))
		for i, s := range some {
			rows[i] = []any{s.Test.Suite, s.Test.Name}
		}
		if err := t.InChunks(rows, func(data string) error { return learn(t, at, data) }); err != nil {
			return err
		}
	}
	return nil
}

func learn(t *sqltx.Tx, home int64, data string) error {
	c := t.Reader()
	pairs := func(p int) string { return c.Table(p, "q", "suite", "name") }
	fresh, err := sqltx.Collect(c, func(r sqltx.Scanner) ([]any, error) {
		var suite, name string
		err := r.Scan(&suite, &name)
		return []any{suite, name}, err
	}, `SELECT q.suite, q.name FROM `+pairs(2)+` WHERE NOT EXISTS (SELECT 1 FROM suites s CROSS JOIN tests t
			WHERE s.builder_id = $1 AND s.suite = q.suite AND t.suite_id = s.id AND t.name = q.name) ORDER BY q.suite, q.name`, home, data)
	if err != nil || len(fresh) == 0 {
		return err
	}
	if data, err = sqltx.Encode(fresh); err != nil {
		return err
	}
	if err := t.Put(`INSERT INTO suites (builder_id, suite) SELECT CAST($1 AS BIGINT), q.suite FROM (SELECT DISTINCT q.suite FROM `+pairs(2)+`) q
		WHERE true ORDER BY 2 ON CONFLICT DO NOTHING`, home, data); err != nil {
		return err
	}
	// The crosses keep SQLite from reading all of the list once per test.
	if err := t.Put(`INSERT INTO tests (suite_id, name) SELECT s.id, q.name FROM `+pairs(2)+` CROSS JOIN suites s
		WHERE s.builder_id = $1 AND s.suite = q.suite ORDER BY s.id, q.name ON CONFLICT DO NOTHING`, home, data); err != nil {
		return err
	}
	tests, err := sqltx.Collect(c, scanRow, `SELECT t.id, s.id, q.suite, q.name FROM `+pairs(2)+` CROSS JOIN suites s CROSS JOIN tests t
		WHERE s.builder_id = $1 AND s.suite = q.suite AND t.suite_id = s.id AND t.name = q.name`, home, data)
	if err != nil {
		return err
	}
	return index(t, tests)
}

// index writes down the words of tests and their suites.
func index(t *sqltx.Tx, tests []row) error {
	suites, names := postings(tests)
	for _, p := range []struct {
		table, column string
		rows          [][]any
	}{{"suite_words", "suite_id", suites}, {"test_words", "test_id", names}} {
		if err := t.InChunks(p.rows, func(data string) error {
			return t.Put(`INSERT INTO `+p.table+` (word, `+p.column+`) SELECT q.word, q.id FROM `+t.Reader().Table(1, "q", "word", "id int")+`
				WHERE true ORDER BY q.word, q.id ON CONFLICT DO NOTHING`, data)
		}); err != nil {
			return err
		}
	}
	return nil
}

// postings lists the words of the suites of some tests, and those of their names.
func postings(tests []row) (suites, names [][]any) {
	seen := map[int64]bool{}
	for _, t := range tests {
		if !seen[t.suite] {
			seen[t.suite] = true
			for _, w := range Words(t.inSuite) {
				suites = append(suites, []any{w, t.suite})
			}
		}
		for _, w := range Words(t.of) {
			names = append(names, []any{w, t.id})
		}
	}
	return suites, names
}

// Forget makes tests that a builder does not have any more unfindable, if no other
// builder of the same project and job has them.
func Forget(t *sqltx.Tx, builder weir.BuilderID, tests []weir.TestID) error {
	if len(tests) == 0 {
		return nil
	}
	at, err := home(t, builder)
	if err != nil {
		return err
	}
	c := t.Reader()
	rows := make([][]any, len(tests))
	for i, id := range tests {
		rows[i] = []any{id.Suite, id.Name}
	}
	return t.InChunks(rows, func(data string) error {
		gone, err := sqltx.Collect(c, scanRow, `SELECT t.id, s.id, s.suite, t.name FROM `+c.Table(2, "q", "suite", "name")+` CROSS JOIN suites s CROSS JOIN tests t
			WHERE s.builder_id = $1 AND s.suite = q.suite AND t.suite_id = s.id AND t.name = q.name
			AND NOT EXISTS (SELECT 1 FROM builders y CROSS JOIN builders o CROSS JOIN test_states x WHERE y.id = $1 AND o.project = y.project
				AND o.job = y.job AND x.builder_id = o.id AND x.suite = q.suite AND x.name = q.name)`, at, data)
		if err != nil || len(gone) == 0 {
			return err
		}
		suites, names := postings(gone)
		ids, perSuite := make([][]any, len(gone)), make([][]any, len(gone))
		for i, g := range gone {
			ids[i], perSuite[i] = []any{g.id}, []any{g.suite}
		}
		words := func(column string) string {
			return ` WHERE (word, ` + column + `) IN (SELECT q.word, q.id FROM ` + c.Table(1, "q", "word", "id int") + `)`
		}
		one := `(SELECT q.id FROM ` + c.Table(1, "q", "id int") + `)`
		for _, step := range []struct {
			rows  [][]any
			query string
		}{
			{names, `DELETE FROM test_words` + words("test_id")},
			{ids, `DELETE FROM tests WHERE id IN ` + one},
			{suites, `DELETE FROM suite_words` + words("suite_id") + ` AND NOT EXISTS (SELECT 1 FROM tests t WHERE t.suite_id = suite_words.suite_id)`},
			{perSuite, `DELETE FROM suites WHERE id IN ` + one + ` AND NOT EXISTS (SELECT 1 FROM tests t WHERE t.suite_id = suites.id)`},
		} {
			if err := t.InChunks(step.rows, func(data string) error { return t.Put(step.query, data) }); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	// backlog is the guard that counts up to which test words have been made of the
	// tests that were there before words were.
	backlog      = "words of tests"
	backlogChunk = 5000
)

// CatchUp makes the words of tests that were known before words were kept. It
// is a part of a migration that takes long: each step is a transaction of its
// own, and if it is interrupted it goes on from there. Several servers may be at it.
func CatchUp(ctx context.Context, db *sqltx.DB) error {
	var waiting int
	err := db.Read(ctx, "look for tests without words", func(c sqltx.Conn) error {
		return c.Row(`SELECT COUNT(*) FROM guards WHERE name = $1`, backlog).Scan(&waiting)
	})
	for more := waiting > 0; more && err == nil; {
		err = db.Write(ctx, "make the words of tests", time.Time{}, func(t *sqltx.Tx) error {
			more, err = catchUp(t)
			return err
		})
	}
	return err
}

func catchUp(t *sqltx.Tx) (more bool, err error) {
	c := t.Reader()
	var done int64
	err = c.Row(`SELECT b.count FROM guards b WHERE b.name = $1`+c.Lock(), backlog).Scan(&done)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil // somebody else was faster
	}
	if err != nil {
		return false, err
	}
	tests, err := sqltx.Collect(c, scanRow, `SELECT t.id, s.id, s.suite, t.name FROM tests t JOIN suites s ON s.id = t.suite_id
		WHERE t.id > $1 ORDER BY t.id LIMIT $2`, done, backlogChunk)
	if err != nil {
		return false, err
	}
	if len(tests) == 0 {
		return false, t.Put(`DELETE FROM guards WHERE name = $1`, backlog)
	}
	if err := index(t, tests); err != nil {
		return false, err
	}
	return true, t.Put(`UPDATE guards SET count = $2 WHERE name = $1`, backlog, tests[len(tests)-1].id)
}
