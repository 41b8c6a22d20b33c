package sqlinquiry

import (
	"reflect"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// named are the parts of a regression in which names of projects stand.
type named struct {
	id        int64
	good, bad weir.Pins
	path      []weir.Leg
	culprit   weir.Culprit
	corners   []weir.Corner
	checks    weir.Checks
	life      life
}

// renameBatch is how many regressions are read at once.
const renameBatch = 500

// RenameProject gives a project another name wherever it stands in regressions,
// but for what was said in words. It is a part of store.Configs.Rename.
func RenameProject(t *sqltx.Tx, from, to string) error {
	c := t.Reader()
	for last := int64(0); ; {
		all, err := sqltx.Collect(c, func(row sqltx.Scanner) (n named, err error) {
			err = row.Scan(&n.id, sqltx.JSON(&n.good), sqltx.JSON(&n.bad), sqltx.JSON(&n.path), sqltx.JSON(&n.culprit),
				sqltx.JSON(&n.corners), sqltx.JSON(&n.checks), sqltx.JSON(&n.life))
			return n, err
		}, `SELECT b.id, b.good_pins, b.bad_pins, b.path, b.culprit, b.corners, b.checks, b.life FROM regressions b
			WHERE b.id > $1 ORDER BY b.id LIMIT $2`+c.Lock(), last, renameBatch)
		if err != nil || len(all) == 0 {
			return err
		}
		last = all[len(all)-1].id
		for _, n := range all {
			if !n.rename(from, to) {
				continue
			}
			if err := n.save(t); err != nil {
				return err
			}
		}
	}
}

// rename reports whether the name stood anywhere.
func (n *named) rename(from, to string) (changed bool) {
	name := func(s *string) {
		if *s == from {
			*s, changed = to, true
		}
	}
	pins := func(p weir.Pins) {
		if revision, ok := p[from]; ok {
			delete(p, from)
			p[to], changed = revision, true
		}
	}
	pins(n.good)
	pins(n.bad)
	for i := range n.path {
		name(&n.path[i].Project)
	}
	name(&n.culprit.Project)
	for _, c := range n.corners {
		pins(c.Pins)
	}
	for i := range n.checks.Moved {
		name(&n.checks.Moved[i])
	}
	for _, tried := range n.checks.Tried {
		for i := range tried.Moved {
			name(&tried.Moved[i])
		}
	}
	name(&n.life.FixedBy.Project)
	return changed
}

// save writes all parts, as saveRegression and openRegression do.
func (n named) save(t *sqltx.Tx) error {
	texts := make([]any, 0, 8)
	texts = append(texts, n.id)
	for _, part := range []struct {
		value any
		empty bool // if the value is zero, it is written as no text
	}{{n.good, false}, {n.bad, false}, {n.path, false}, {n.culprit, true}, {n.corners, true}, {n.checks, true}, {n.life, true}} {
		text := ""
		if v := reflect.ValueOf(part.value); !part.empty || !v.IsZero() {
			var err error
			if text, err = sqltx.Encode(part.value); err != nil {
				return err
			}
		}
		texts = append(texts, text)
	}
	t.TellID(weir.EventRegression, n.id)
	return t.Put(`UPDATE regressions SET good_pins = $2, bad_pins = $3, path = $4, culprit = $5, corners = $6, checks = $7, life = $8, culprit_project = $9
		WHERE id = $1`, append(texts, n.culprit.Project)...)
}
