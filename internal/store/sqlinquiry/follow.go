package sqlinquiry

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// followTests takes what a settled build says about tests to the victims of
// open regressions.
func (t *tx) followTests(b weir.Build, st store.Settlement, now time.Time) error {
	if err := t.renameVictims(b, st.Renames, now); err != nil {
		return err
	}
	if err := t.renameFlakes(b.Builder.ID, st.Renames); err != nil {
		return err
	}
	return t.fixVictims(b, st, now)
}

// renameVictims gives open victims the names that their tests have now. What
// they were called on the path is kept: the builds of a search know them so.
func (t *tx) renameVictims(b weir.Build, renames []store.Rename, now time.Time) error {
	var rows [][]any
	for _, r := range renames {
		to, err := cleanTest(r.To)
		if err != nil {
			return err
		}
		rows = append(rows, []any{sqltx.Clean(r.From.Suite), sqltx.Clean(r.From.Name), to.Suite, to.Name})
	}
	return t.InChunks(rows, func(data string) error {
		regressions, err := t.lockAffected(b.Builder.ID, data, "", "new_suite", "new_name")
		if err != nil {
			return err
		}
		for _, r := range regressions {
			if err := t.Put(`UPDATE victims SET suite = q.new_suite, name = q.new_name,
					was_suite = CASE WHEN was_name = '' THEN victims.suite ELSE was_suite END,
					was_name = CASE WHEN was_name = '' THEN victims.name ELSE was_name END
				FROM `+t.Table(3, "q", "old_suite", "old_name", "new_suite", "new_name")+`
				WHERE regression_id = $1 AND builder_id = $2 AND fixed_in = 0 AND victims.suite = q.old_suite AND victims.name = q.old_name`,
				int64(r.ID), int64(b.Builder.ID), data); err != nil {
				return err
			}
			r.Updated = laterThan(r.Updated, now)
			if err := t.saveRegression(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// fixVictims notes which victims of open regressions a build has fixed, and
// closes the regressions that have no other victim left. One that is still
// being searched stays open: who did it is worth knowing all the same. So does
// what is searched for another one, or because a person asked: that is an answer,
// and no episode that could be over.
func (t *tx) fixVictims(b weir.Build, st store.Settlement, now time.Time) error {
	var fixed [][]any
	for _, c := range st.Changes {
		if c.Verdict == weir.Fixed {
			fixed = append(fixed, []any{c.Test.Suite, c.Test.Name, ""})
		}
	}
	failing := map[weir.TestID]string{} // what they say
	for _, f := range st.Failing {
		if f.Signature != "" {
			test := weir.TestID{Suite: sqltx.Clean(f.Test.Suite), Name: sqltx.Clean(f.Test.Name)}
			failing[test] = sqltx.Clip(f.Signature, maxSignature)
			fixed = append(fixed, []any{test.Suite, test.Name, failing[test]})
		}
	}
	return t.InChunks(fixed, func(data string) error {
		regressions, err := t.lockAffected(b.Builder.ID, data, isFixed, "said")
		if err != nil {
			return err
		}
		for _, r := range regressions {
			if err := t.logStill(r, b, failing, now); err != nil {
				return err
			}
			if err := t.fixVictimsOf(r, b, data, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// isFixed says which victims v are fixed by what the builds says of tests q: they
// are good, and said is empty, or they say something else than they are accused of.
const isFixed = ` AND (q.said = '' OR v.verdict = 'failing_differently' AND v.signature <> '' AND v.signature <> q.said)`

// lockAffected locks the open regressions with unfixed victims among the tests
// in data for which a condition holds. Victims may have moved while it waited, so it looks again.
func (t *tx) lockAffected(builder weir.BuilderID, data, condition string, rest ...string) ([]weir.Regression, error) {
	var locked []weir.RegressionID
	for {
		ids, err := sqltx.Collect(t, sqltx.Scalar[weir.RegressionID], `SELECT DISTINCT v.regression_id
			FROM victims v JOIN regressions g ON g.id = v.regression_id
			JOIN `+t.Table(2, "q", append([]string{"suite", "name"}, rest...)...)+` ON q.suite = v.suite AND q.name = v.name
			WHERE v.builder_id = $1 AND v.fixed_in = 0 AND g.state IN ('searching', 'located', 'narrowed')`+condition+`
			ORDER BY v.regression_id`, int64(builder), data)
		if err != nil {
			return nil, err
		}
		fresh := slices.DeleteFunc(slices.Clone(ids), func(id weir.RegressionID) bool { return slices.Contains(locked, id) })
		if len(fresh) == 0 {
			if len(ids) == 0 {
				return nil, nil
			}
			return t.regressions(`WHERE b.id IN `+t.In(1)+` ORDER BY b.id`, sqltx.IDs(ids))
		}
		if _, err := t.lockRegressions(fresh); err != nil {
			return nil, err
		}
		locked = append(locked, fresh...)
	}
}

// logStill writes down which victims a build settles that fail still: what they
// are accused of is mended, and something else is wrong with them, for which
// nobody is accused by that.
func (t *tx) logStill(r weir.Regression, b weir.Build, failing map[weir.TestID]string, now time.Time) error {
	var still []string
	for _, v := range r.Victims {
		if says := failing[v.Test]; v.Builder.ID == b.Builder.ID && v.FixedIn == 0 && v.Verdict == weir.FailingDifferently &&
			v.Signature != "" && says != "" && says != v.Signature {
			still = append(still, v.Test.String())
		}
	}
	if len(still) == 0 {
		return nil
	}
	note := still[0]
	if len(still) > 1 {
		note += fmt.Sprintf(" and %d more", len(still)-1)
	}
	return t.log(r.ID, weir.Transition{At: now, Kind: weir.WasJudged, To: r.State, Builds: []weir.BuildID{b.ID},
		Note: fmt.Sprintf("%s: fails in build %d as well, for another reason", note, b.ID)})
}

func (t *tx) fixVictimsOf(r weir.Regression, b weir.Build, data string, now time.Time) error {
	if err := t.Put(`UPDATE victims SET fixed_in = $1 WHERE regression_id = $2 AND ordinal IN (SELECT v.ordinal FROM victims v
			JOIN `+t.Table(4, "q", "suite", "name", "said")+` ON q.suite = v.suite AND q.name = v.name
			WHERE v.regression_id = $2 AND v.builder_id = $3 AND v.fixed_in = 0`+isFixed+`)`,
		int64(b.ID), int64(r.ID), int64(b.Builder.ID), data); err != nil {
		return err
	}
	var left int
	if err := t.Row(`SELECT COUNT(*) FROM victims WHERE regression_id = $1 AND fixed_in = 0`, int64(r.ID)).Scan(&left); err != nil {
		return err
	}
	r.Updated = laterThan(r.Updated, now)
	if left == 0 && r.Aim == weir.AimBreak && r.State != weir.Searching && r.State.CanBecome(weir.Recovered) {
		r.State, r.Closed = weir.Recovered, now
		r.Note = fmt.Sprintf("every test is good again since build %d", b.ID)
		if slices.ContainsFunc(r.Victims, func(v weir.Victim) bool { return v.Verdict == weir.FailingDifferently }) {
			r.Note = fmt.Sprintf("no test is bad in this way since build %d", b.ID)
		}
		if err := t.log(r.ID, weir.Transition{At: now, Kind: weir.WasFixed, To: r.State, Builds: []weir.BuildID{b.ID}, Note: r.Note}); err != nil {
			return err
		}
	}
	return t.saveRegression(r)
}
