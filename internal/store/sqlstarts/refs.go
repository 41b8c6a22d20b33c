package sqlstarts

import (
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// RecordBranches says which further branches of a project there are now.
func (s Starts) RecordBranches(ctx context.Context, project string, branches []string, now time.Time) error {
	if err := store.CheckRefs(project, len(branches)); err != nil {
		return err
	}
	project = sqltx.Clean(project)
	there := map[string]bool{}
	for _, name := range branches {
		if name != "" && len(name) <= store.MaxRefName {
			there[sqltx.Clean(name)] = true
		}
	}
	return s.write(ctx, "record branches", now, func(t tx) error {
		known, err := listed(t, `SELECT b.name, b.gone FROM branches b WHERE b.project = $1 ORDER BY b.name`+t.Lock(), project)
		if err != nil {
			return err
		}
		var rows [][]any
		for name := range there {
			if gone, ok := known[name]; !ok || gone != 0 {
				rows = append(rows, []any{name, int64(0)})
			}
		}
		for name, gone := range known {
			if gone == 0 && !there[name] {
				rows = append(rows, []any{name, max(1, sqltx.Micros(now))})
			}
		}
		if len(rows) == 0 {
			return nil
		}
		t.Tell(weir.EventSource, project)
		return t.InChunks(rows, func(data string) error {
			return t.Put(`INSERT INTO branches (project, name, gone) SELECT CAST($1 AS TEXT), q.name, q.gone
				FROM `+t.Table(2, "q", "name", "gone int")+` WHERE true ORDER BY 2
				ON CONFLICT (project, name) DO UPDATE SET gone = excluded.gone`, project, data)
		})
	})
}

// listed reads names and a number for each.
func listed(t tx, query string, args ...any) (map[string]int64, error) {
	known := map[string]int64{}
	_, err := sqltx.Collect(t, func(r sqltx.Scanner) (_ struct{}, err error) {
		var name string
		var n int64
		if err = r.Scan(&name, &n); err == nil {
			known[name] = n
		}
		return struct{}{}, err
	}, query, args...)
	return known, err
}

// Branches lists the further branches that are not gone, of every project.
func (s Starts) Branches(ctx context.Context) (map[string][]string, error) {
	type branch struct{ project, name string }
	all, err := sqltx.List(ctx, s.db, "list branches", func(r sqltx.Scanner) (b branch, err error) {
		err = r.Scan(&b.project, &b.name)
		return b, err
	}, `SELECT project, name FROM branches WHERE gone = 0 ORDER BY project, name`)
	branches := map[string][]string{}
	for _, b := range all {
		branches[b.project] = append(branches[b.project], b.name)
	}
	return branches, err
}

// tagRow is what is known of a tag.
type tagRow struct {
	revision   string
	due, built int64
}

// RecordTags keeps the tags of a project, and lists those that are to be built
// from now on.
func (s Starts) RecordTags(ctx context.Context, project string, tags []store.Tag, now time.Time) (fresh []store.Tag, err error) {
	if err := store.CheckRefs(project, len(tags)); err != nil {
		return nil, err
	}
	project = sqltx.Clean(project)
	err = s.write(ctx, "record tags", now, func(t tx) error {
		fresh = nil
		first, err := t.Exec(`INSERT INTO tag_lists (project, at) VALUES ($1, 0) ON CONFLICT DO NOTHING`, project)
		if err != nil {
			return err
		}
		var at int64
		if err := t.Row(`SELECT b.at FROM tag_lists b WHERE b.project = $1`+t.Lock(), project).Scan(&at); err != nil {
			return err
		}
		known, err := t.tags(project)
		if err != nil {
			return err
		}
		rows, due := changed(project, known, tags, first == 1, max(1, sqltx.Micros(now)))
		if fresh = due; len(fresh) > 0 {
			t.Tell(weir.EventRevisions, project)
		}
		if err := t.InChunks(rows, func(data string) error {
			return t.Put(`INSERT INTO tags (project, name, revision, due, built) SELECT CAST($1 AS TEXT), q.name, q.revision, q.due, q.built
				FROM `+t.Table(2, "q", "name", "revision", "due int", "built int")+` WHERE true ORDER BY 2
				ON CONFLICT (project, name) DO UPDATE SET revision = excluded.revision, due = excluded.due, built = excluded.built`, project, data)
		}); err != nil {
			return err
		}
		return t.Put(`UPDATE tag_lists SET at = $2 WHERE project = $1`, project, max(1, sqltx.Micros(now)))
	})
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

func (t tx) tags(project string) (map[string]tagRow, error) {
	known := map[string]tagRow{}
	_, err := sqltx.Collect(t, func(r sqltx.Scanner) (_ struct{}, err error) {
		var name string
		var row tagRow
		if err = r.Scan(&name, &row.revision, &row.due, &row.built); err == nil {
			known[name] = row
		}
		return struct{}{}, err
	}, `SELECT b.name, b.revision, b.due, b.built FROM tags b WHERE b.project = $1 ORDER BY b.name`+t.Lock(), project)
	return known, err
}

// changed lists the rows that are other than before, and the tags that are to be
// built from now on: new ones, those that stand elsewhere, and those that were to
// be built when they went and are back.
func changed(project string, known map[string]tagRow, tags []store.Tag, first bool, now int64) (rows [][]any, due []store.Tag) {
	there := map[string]bool{}
	for _, tag := range tags {
		tag = store.Tag{Project: project, Name: sqltx.Clean(tag.Name), Revision: sqltx.Clean(tag.Revision)}
		if tag.Name == "" || tag.Revision == "" || len(tag.Name) > store.MaxRefName || len(tag.Revision) > store.MaxRefName || there[tag.Name] {
			continue
		}
		there[tag.Name] = true
		old, ok := known[tag.Name]
		switch {
		case !ok && first:
			rows = append(rows, []any{tag.Name, tag.Revision, int64(0), int64(0)})
		case !ok || old.revision != tag.Revision || old.due < 0:
			rows = append(rows, []any{tag.Name, tag.Revision, now, int64(0)})
			due = append(due, tag)
		}
	}
	for name, old := range known {
		if !there[name] && old.due > 0 {
			rows = append(rows, []any{name, old.revision, -old.due, old.built})
		}
	}
	slices.SortFunc(rows, func(a, b []any) int {
		if a[0].(string) < b[0].(string) {
			return -1
		}
		return 1
	})
	return rows, due
}

// DueTags lists tags that are to be built, oldest first.
func (s Starts) DueTags(ctx context.Context, limit int) ([]store.Tag, error) {
	return sqltx.List(ctx, s.db, "list tags to be built", func(r sqltx.Scanner) (t store.Tag, err error) {
		err = r.Scan(&t.Project, &t.Name, &t.Revision)
		return t, err
	}, `SELECT project, name, revision FROM tags WHERE due > 0 ORDER BY due, project, name LIMIT $1`,
		sqltx.Limit(limit, sqltx.StandardList, sqltx.LongestList))
}
