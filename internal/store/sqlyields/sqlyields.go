// Package sqlyields keeps what builds leave for people: files, numbers and a
// summary, in the SQL that both databases speak.
//
// Package sqlstore keeps them with the end of a build, see [Keep]. The package
// also knows which blobs the farm still needs, whoever refers to them, see
// [Unused].
package sqlyields

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Yields implements the port store.Yields. It is safe for concurrent use.
type Yields struct{ db *sqltx.DB }

// New makes it of a database.
func New(db *sqltx.DB) Yields { return Yields{db} }

// Keep records what a finished build leaves. It leaves once.
func Keep(t *sqltx.Tx, b weir.Build, f store.Finish) error {
	c := t.Reader()
	rows := make([][]any, 0, len(f.Artifacts))
	for _, a := range f.Artifacts {
		rows = append(rows, []any{sqltx.Clean(a.Path), sqltx.Clean(string(a.Digest)), a.Size, sqltx.Micros(a.Expires)})
	}
	if err := t.InChunks(once(rows), func(data string) error {
		return t.Put(`INSERT INTO artifacts (build_id, path, digest, size, expires) SELECT CAST($1 AS BIGINT), q.path, q.digest, q.size, q.expires
			FROM `+c.Table(2, "q", "path", "digest", "size int", "expires int"), int64(b.ID), data)
	}); err != nil {
		return err
	}
	rows = rows[:0]
	for _, m := range f.Metrics {
		rows = append(rows, []any{sqltx.Clean(m.Name), m.Value, sqltx.Clean(m.Unit)})
	}
	for _, row := range once(rows) { // one by one: numbers pass through JSON as they like
		if err := t.Put(`INSERT INTO metrics (build_id, name, builder_id, line, value, unit) VALUES ($1, $2, $3, $4, $5, $6)`,
			int64(b.ID), row[0], int64(b.Builder.ID), sqltx.Flag(b.Cause.Advances()), row[1], row[2]); err != nil {
			return err
		}
	}
	if f.Summary == "" {
		return nil
	}
	return t.Put(`INSERT INTO summaries (build_id, text) VALUES ($1, $2)`, int64(b.ID), sqltx.Clip(f.Summary, weir.MaxSummary))
}

// once keeps the last of rows that begin alike, each where its first one was.
func once(rows [][]any) [][]any {
	at := map[any]int{}
	var out [][]any
	for _, row := range rows {
		if i, ok := at[row[0]]; ok {
			out[i] = row
			continue
		}
		at[row[0]] = len(out)
		out = append(out, row)
	}
	return out
}

// Artifacts lists the files that a build keeps, by path.
func (y Yields) Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error) {
	return sqltx.List(ctx, y.db, "list artifacts", func(r sqltx.Scanner) (a weir.Artifact, err error) {
		err = r.Scan(&a.Path, &a.Digest, &a.Size, sqltx.Time(&a.Expires))
		return a, err
	}, `SELECT path, digest, size, expires FROM artifacts WHERE build_id = $1 ORDER BY path`, int64(id))
}

// ExpireArtifacts removes artifacts whose time has come, the longest ago first.
func (y Yields) ExpireArtifacts(ctx context.Context, now time.Time, limit int) (removed int, unused []weir.Digest, err error) {
	limit = sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList)
	var due int64
	err = y.db.Read(ctx, "look for artifacts whose time has come", func(c sqltx.Conn) error {
		return c.Row(`SELECT COUNT(*) FROM (SELECT 1 FROM artifacts WHERE expires > 0 AND expires <= $1 LIMIT 1) x`, sqltx.Micros(now)).Scan(&due)
	})
	if err != nil || due == 0 {
		return 0, nil, err
	}
	err = y.db.Write(ctx, "remove artifacts", now, func(t *sqltx.Tx) error {
		removed, unused = 0, nil
		c := t.Reader()
		type row struct {
			build  int64
			path   string
			digest weir.Digest
		}
		rows, err := sqltx.Collect(c, func(r sqltx.Scanner) (a row, err error) {
			err = r.Scan(&a.build, &a.path, &a.digest)
			return a, err
		}, `SELECT b.build_id, b.path, b.digest FROM artifacts b WHERE b.expires > 0 AND b.expires <= $1
			ORDER BY b.expires, b.build_id, b.path LIMIT $2`+c.LockSkip(), sqltx.Micros(now), limit)
		if err != nil {
			return err
		}
		gone := make([][]any, len(rows))
		var digests []weir.Digest
		for i, r := range rows {
			gone[i] = []any{r.build, r.path}
			digests = append(digests, r.digest)
		}
		if err := t.InChunks(gone, func(data string) error {
			return t.Put(`DELETE FROM artifacts WHERE (build_id, path) IN (SELECT q.build, q.path FROM `+c.Table(1, "q", "build int", "path")+`)`, data)
		}); err != nil {
			return err
		}
		removed = len(rows)
		slices.Sort(digests)
		unused, err = Unused(t, slices.Compact(digests))
		return err
	})
	if err != nil {
		return 0, nil, err
	}
	return removed, unused, nil
}

// Unused tells which of some blobs nothing refers to: no artifact, no log, and no
// build by its product, its results or what it tries.
func Unused(t *sqltx.Tx, digests []weir.Digest) (unused []weir.Digest, err error) {
	c := t.Reader()
	rows := make([][]any, 0, len(digests))
	for _, d := range digests {
		if d != "" {
			rows = append(rows, []any{string(d)})
		}
	}
	err = t.InChunks(rows, func(data string) error {
		some, err := sqltx.Collect(c, sqltx.Scalar[weir.Digest], `SELECT q.digest FROM `+c.Table(1, "q", "digest")+`
			WHERE NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = q.digest)
			AND NOT EXISTS (SELECT 1 FROM log_segments s WHERE s.digest = q.digest AND s.digest <> '')`+
			noBuildWith("product_digest")+noBuildWith("results")+noBuildWith("patch")+` ORDER BY 1`, data)
		unused = append(unused, some...)
		return err
	})
	return unused, err
}

// noBuildWith is the condition that no build has q.digest in a column. What it
// says of parts and of empty ones lets the databases take the column's index.
func noBuildWith(column string) string {
	return ` AND NOT EXISTS (SELECT 1 FROM builds b WHERE substr(b.` + column + `, 8, 12) = substr(q.digest, 8, 12)
		AND b.` + column + ` <> '' AND b.` + column + ` = q.digest)`
}

// Notes are the metrics, by name, and the summary of a build.
func (y Yields) Notes(ctx context.Context, id weir.BuildID) (n store.Notes, err error) {
	err = y.db.Snapshot(ctx, "read what a build says of itself", func(c sqltx.Conn) error {
		n = store.Notes{}
		n.Metrics, err = sqltx.Collect(c, func(r sqltx.Scanner) (m weir.Metric, err error) {
			err = r.Scan(&m.Name, &m.Value, &m.Unit)
			return m, err
		}, `SELECT name, value, unit FROM metrics WHERE build_id = $1 ORDER BY name`, int64(id))
		if err != nil {
			return err
		}
		texts, err := sqltx.Collect(c, sqltx.Scalar[string], `SELECT text FROM summaries WHERE build_id = $1`, int64(id))
		if len(texts) > 0 {
			n.Summary = texts[0]
		}
		return err
	})
	return n, err
}

// MetricHistory lists a builder's newest values of a metric, oldest first.
func (y Yields) MetricHistory(ctx context.Context, builder weir.BuilderID, name string, limit int) ([]store.MetricPoint, error) {
	points, err := sqltx.List(ctx, y.db, "list values of a metric", func(r sqltx.Scanner) (p store.MetricPoint, err error) {
		err = r.Scan(&p.Build, sqltx.Time(&p.At), &p.Value, &p.Unit)
		return p, err
	}, `SELECT m.build_id, b.finished, m.value, m.unit FROM metrics m JOIN builds b ON b.id = m.build_id
		WHERE m.builder_id = $1 AND m.name = $2 AND m.line = 1 ORDER BY m.build_id DESC LIMIT $3`,
		int64(builder), sqltx.Clean(name), sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
	slices.Reverse(points)
	return points, err
}
