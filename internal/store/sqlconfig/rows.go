package sqlconfig

import (
	"encoding/json"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// batch is how many rows are read and written at once.
const batch = 1000

// saveBuilders changes the keys of builders.
func (r *renamer) saveBuilders(change func(*weir.BuilderKey) bool) error {
	var rows [][]any
	for i := range r.builders {
		b := &r.builders[i]
		if change(&b.BuilderKey) {
			rows = append(rows, []any{int64(b.ID), sqlroster.KeyHash(b.BuilderKey), b.Project, b.Job, b.Upstreams})
		}
	}
	return r.InChunks(rows, func(data string) error {
		return r.Put(`UPDATE builders SET key_hash = q.hash, project = q.project, job = q.job, upstreams = q.upstreams
			FROM `+r.Table(1, "q", "id int", "hash", "project", "job", "upstreams")+` WHERE builders.id = q.id`, data)
	})
}

// row is a text with the number of its row.
type row struct {
	id   int64
	text string
}

// having calls do with the rows of a table in whose column a string stands, in
// batches. The string is written as in JSON.
func (r *renamer) having(table, column, what string, do func([]row) error) error {
	part, err := json.Marshal(what)
	if err != nil {
		return err
	}
	for last := int64(0); ; {
		// A query that finds a part of a text exactly, in both databases.
		rows, err := sqltx.Collect(r, func(s sqltx.Scanner) (w row, err error) {
			err = s.Scan(&w.id, &w.text)
			return w, err
		}, `SELECT b.id, b.`+column+` FROM `+table+` b WHERE b.id > $1 AND REPLACE(b.`+column+`, $2, '') <> b.`+column+` ORDER BY b.id LIMIT $3`,
			last, sqltx.Clean(string(part)), batch)
		if err != nil || len(rows) == 0 {
			return err
		}
		last = rows[len(rows)-1].id
		if err := do(rows); err != nil {
			return err
		}
	}
}

// builds renames a project in the pins of builds.
func (r *renamer) builds(n name) error {
	if err := r.having("builds", "pins", n.old, func(rows []row) error {
		var changed [][]any
		for _, w := range rows {
			var pins weir.Pins
			if err := json.Unmarshal([]byte(w.text), &pins); err != nil {
				return err
			}
			revision, ok := pins[n.old]
			if !ok {
				continue
			}
			delete(pins, n.old)
			pins[n.new] = revision
			text, err := sqltx.Encode(pins)
			if err != nil {
				return err
			}
			changed = append(changed, []any{w.id, text, sqlstore.PinsKey(pins)})
		}
		return r.InChunks(changed, func(data string) error {
			return r.Put(`UPDATE builds SET pins = q.pins, pins_key = q.pins_key
				FROM `+r.Table(1, "q", "id int", "pins", "pins_key")+` WHERE builds.id = q.id`, data)
		})
	}); err != nil {
		return err
	}
	return r.Put(`UPDATE flake_runs SET inputs = (SELECT b.pins_key FROM builds b WHERE b.id = flake_runs.build_id)
		WHERE inputs <> (SELECT b.pins_key FROM builds b WHERE b.id = flake_runs.build_id)`)
}

// specs changes specifications in which a name stands. One that becomes equal to
// another stays beside it, under a hash that nobody looks for.
func (r *renamer) specs(n name, change func(*weir.Spec)) error {
	return r.having("recipes", "spec", n.old, func(rows []row) error {
		var changed [][]any
		for _, w := range rows {
			var spec weir.Spec
			if err := json.Unmarshal([]byte(w.text), &spec); err != nil {
				return err
			}
			change(&spec)
			text, err := sqltx.Encode(spec)
			if err != nil {
				return err
			}
			changed = append(changed, []any{w.id, text, sqlstore.RecipeHash(text, true), sqlstore.RecipeHash(text, false)})
		}
		return r.InChunks(changed, func(data string) error {
			return r.Put(`UPDATE recipes SET spec = q.spec, hash = CASE
				WHEN EXISTS (SELECT 1 FROM recipes o WHERE o.id <> q.id AND o.hash = CASE recipes.pinned WHEN 0 THEN q.unpinned ELSE q.pinned END)
				THEN 'like another ' || q.id ELSE CASE recipes.pinned WHEN 0 THEN q.unpinned ELSE q.pinned END END
				FROM `+r.Table(1, "q", "id int", "spec", "pinned", "unpinned")+` WHERE recipes.id = q.id`, data)
		})
	})
}
