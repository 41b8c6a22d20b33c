package sqlinquiry

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// lockRegression locks and reads one regression.
func (t *tx) lockRegression(id weir.RegressionID) (weir.Regression, error) {
	locked, err := t.lockRegressions([]weir.RegressionID{id})
	if err != nil {
		return weir.Regression{}, err
	}
	r, ok := locked[id]
	if !ok {
		return r, noRegression(id)
	}
	return r, nil
}

// say lets a person change a regression.
func (s Conclusions) say(ctx context.Context, verb string, id weir.RegressionID, w weir.Word,
	change func(t *tx, r *weir.Regression, s *weir.Transition) error,
) error {
	if w.By == "" {
		return weir.Errorf(weir.Invalid, "it is not known who says this of regression %d", id)
	}
	now := sqltx.TimeOf(sqltx.Micros(w.At))
	return s.write(ctx, verb, now, func(t *tx) error {
		r, err := t.lockRegression(id)
		if err != nil {
			return err
		}
		said := weir.Transition{At: now, By: w.By, Note: w.Why}
		if err := change(t, &r, &said); err != nil {
			return err
		}
		r.Updated = laterThan(r.Updated, now)
		if err := t.saveRegression(r); err != nil {
			return err
		}
		said.To = r.State
		return t.log(id, said)
	})
}

func closed(r weir.Regression) error {
	err := weir.Errorf(weir.Conflict, "regression %d is %s, which is closed", r.ID, r.State)
	if r.State == weir.Merged {
		return err.WithHint("its tests are in regression %d now", r.MergedInto)
	}
	return err.WithHint("reopen it first")
}

// Acknowledge records that somebody has an open regression in hand.
func (s Conclusions) Acknowledge(ctx context.Context, id weir.RegressionID, a weir.Acknowledgement) error {
	holds := a.Until.After(a.At)
	if most := a.At.Add(weir.MaxAcknowledged); holds && a.Until.After(most) {
		return weir.Errorf(weir.Invalid, "regression %d cannot be acknowledged until %s", id, a.Until.Format(time.DateOnly)).
			WithHint("%s is the latest", most.Format(time.DateOnly))
	}
	a.By, a.Why = sqltx.Clip(a.By, weir.MaxReason), sqltx.Clip(a.Why, weir.MaxReason)
	a.At, a.Until = sqltx.TimeOf(sqltx.Micros(a.At)), sqltx.TimeOf(sqltx.Micros(a.Until))
	return s.say(ctx, "acknowledge a regression", id, a.Word, func(_ *tx, r *weir.Regression, said *weir.Transition) error {
		if !r.State.Open() {
			return closed(*r)
		}
		said.Kind, r.Acknowledged = weir.WasAcknowledged, a
		if !holds {
			said.Kind, r.Acknowledged = weir.WasUnacknowledged, weir.Acknowledgement{}
		}
		return nil
	})
}

// Assign says whose business an open regression is.
func (s Conclusions) Assign(ctx context.Context, id weir.RegressionID, a weir.Assignment) error {
	if len(a.To) > weir.MaxAssignee {
		return weir.Errorf(weir.Invalid, "the name of an assignee is %d bytes long, allowed are %d", len(a.To), weir.MaxAssignee)
	}
	a.By, a.Why, a.To, a.At = sqltx.Clip(a.By, weir.MaxReason), sqltx.Clip(a.Why, weir.MaxReason), sqltx.Clean(a.To), sqltx.TimeOf(sqltx.Micros(a.At))
	return s.say(ctx, "assign a regression", id, a.Word, func(_ *tx, r *weir.Regression, said *weir.Transition) error {
		if !r.State.Open() {
			return closed(*r)
		}
		said.Kind, r.Assigned = weir.WasAssigned, a
		said.Note = "to " + a.To
		if a.To == "" {
			said.Note, r.Assigned = "to nobody", weir.Assignment{}
		}
		if a.Why != "" {
			said.Note += ": " + a.Why
		}
		return nil
	})
}

// Dismiss closes an open regression.
func (s Conclusions) Dismiss(ctx context.Context, id weir.RegressionID, w weir.Word) error {
	return s.say(ctx, "close a regression", id, w, func(_ *tx, r *weir.Regression, said *weir.Transition) error {
		if !r.State.Open() {
			return closed(*r)
		}
		said.Kind = weir.WasDismissed
		r.State, r.Closed, r.Follows = weir.Dismissed, said.At, 0
		r.Note = "closed by " + w.By
		if w.Why != "" {
			r.Note += ": " + w.Why
		}
		return nil
	})
}

// Reopen searches a closed regression again.
func (s Conclusions) Reopen(ctx context.Context, id weir.RegressionID, w weir.Word) error {
	return s.say(ctx, "reopen a regression", id, w, func(_ *tx, r *weir.Regression, said *weir.Transition) error {
		if !r.State.CanBecome(weir.Searching) {
			err := weir.Errorf(weir.Conflict, "regression %d is %s and cannot be reopened", r.ID, r.State)
			if r.State == weir.Merged {
				return err.WithHint("its tests are in regression %d now", r.MergedInto)
			}
			return err
		}
		said.Kind = weir.WasReopened
		unclose(r)
		r.Note = "reopened by " + w.By
		return nil
	})
}

// unclose takes back what was concluded.
func unclose(r *weir.Regression) {
	r.State, r.Closed, r.Culprit, r.Follows = weir.Searching, time.Time{}, weir.Culprit{}, 0
	r.Blame, r.Corners, r.Checks, r.FixedBy = weir.BlameNone, nil, weir.Checks{}, weir.Fix{}
	r.Acknowledged, r.Belief = weir.Acknowledgement{}, weir.Belief{}
	r.Suspects = weir.Span{First: 1, Last: weir.Steps(r.Path)}
}

// reopen opens a regression again whose tests are bad again.
func (t *tx) reopen(again weir.Regression, now time.Time) error {
	r, err := t.lockRegression(again.ID)
	if err != nil {
		return err
	}
	if r.State != weir.Recovered {
		return weir.Errorf(weir.Conflict, "regression %d is %s and not fixed", r.ID, r.State).WithHint("read it again")
	}
	texts := make([]string, 3)
	for i, v := range []any{again.Good.Pins, again.Bad.Pins, again.Path} {
		if texts[i], err = sqltx.Encode(v); err != nil {
			return err
		}
	}
	if err := t.Put(`UPDATE regressions SET good_build = $2, good_pins = $3, bad_build = $4, bad_pins = $5, path = $6 WHERE id = $1`,
		int64(r.ID), int64(again.Good.Build), texts[0], int64(again.Bad.Build), texts[1], texts[2]); err != nil {
		return err
	}
	if err := t.Put(`DELETE FROM probes WHERE regression_id = $1`, int64(r.ID)); err != nil {
		return err
	}
	grounds := []weir.BuildID{again.Bad.Build}
	if again.Confirmed != 0 {
		grounds = append(grounds, again.Confirmed)
	}
	unclose(&r)
	r.Suspects, r.Note, r.Confirmed, r.Updated = again.Suspects, again.Note, again.Confirmed, laterThan(r.Updated, now)
	if err := t.saveRegression(r); err != nil {
		return err
	}
	if err := t.saveVictims(r.ID, again.Victims); err != nil {
		return err
	}
	return t.log(r.ID, weir.Transition{At: now, Kind: weir.WasReopened, To: r.State, Builds: grounds, Note: again.Note})
}

// Merge hands the victims of an open regression to another open one.
func (s Conclusions) Merge(ctx context.Context, id, into weir.RegressionID, w weir.Word) error {
	if w.By == "" {
		return weir.Errorf(weir.Invalid, "it is not known who says this of regression %d", id)
	}
	if id == into {
		return weir.Errorf(weir.Invalid, "regression %d cannot be merged into itself", id).
			WithHint("name the one that ends, then the one that gets its tests")
	}
	now := sqltx.TimeOf(sqltx.Micros(w.At))
	return s.write(ctx, "merge regressions", now, func(t *tx) error {
		locked, err := t.lockRegressions([]weir.RegressionID{id, into})
		if err != nil {
			return err
		}
		for _, i := range []weir.RegressionID{id, into} {
			if r, ok := locked[i]; !ok {
				return noRegression(i)
			} else if !r.State.Open() {
				return closed(r)
			}
		}
		r := locked[id]
		if a, b := r.Culprit, locked[into].Culprit; a.Project != "" && b.Project != "" && (a.Project != b.Project || a.Revision.ID != b.Revision.ID) {
			return weir.Errorf(weir.Conflict, "regressions %d and %d have different culprits: %s %s and %s %s", id, into,
				a.Project, a.Revision.Short(), b.Project, b.Revision.Short()).WithHint("merging them would accuse one of what the other did")
		}
		if err := t.mergeVictims(locked[into], r.Victims, now); err != nil {
			return err
		}
		r.State, r.Closed, r.MergedInto, r.Follows = weir.Merged, now, into, 0
		r.Updated, r.Note = laterThan(r.Updated, now), fmt.Sprintf("merged into regression %d by %s", into, w.By)
		if err := t.saveRegression(r); err != nil {
			return err
		}
		if err := t.replaceVictims(r, nil, nil); err != nil {
			return err
		}
		if err := t.log(id, weir.Transition{At: now, Kind: weir.WasMerged, To: r.State, By: w.By, Other: into, Note: w.Why}); err != nil {
			return err
		}
		return t.log(into, weir.Transition{At: now, Kind: weir.WasJoined, To: locked[into].State, By: w.By, Other: id, Note: w.Why})
	})
}

// Split takes some victims out of an open regression.
func (s Conclusions) Split(ctx context.Context, id weir.RegressionID, victims []store.VictimKey, w weir.Word) (made weir.RegressionID, err error) {
	err = s.say(ctx, "split a regression", id, w, func(t *tx, r *weir.Regression, said *weir.Transition) error {
		if !r.State.Open() {
			return closed(*r)
		}
		var stay, leave []weir.Victim
		for _, v := range r.Victims {
			if slices.Contains(victims, keyOf(v)) {
				leave = append(leave, v)
			} else {
				stay = append(stay, v)
			}
		}
		for _, k := range victims {
			if !slices.ContainsFunc(leave, func(v weir.Victim) bool { return keyOf(v) == k }) {
				return weir.Errorf(weir.Invalid, "%s is not a test of regression %d on that builder", k.Test, id)
			}
		}
		if len(stay) == 0 || len(leave) == 0 {
			return weir.Errorf(weir.Invalid, "%d of the %d tests of regression %d cannot be split off", len(leave), len(r.Victims), id).
				WithHint("name some of them, and not all")
		}
		probes, err := t.observations(id)
		if err != nil {
			return err
		}
		part := *r
		if err := t.origin(&part, leave); err != nil {
			return err
		}
		part.ID, part.Victims, part.Opened = 0, leave, time.Time{}
		unclose(&part)
		part.Asked, part.Note = weir.Word{By: w.By, Why: fmt.Sprintf("split off from regression %d", id), At: w.At}, "split off by "+w.By
		if made, err = t.openRegression(part, said.At); err != nil {
			return err
		}
		for _, p := range probes {
			p = restrict(p, r.Victims, leave)
			if part.Builder.ID != r.Builder.ID && len(p.Victims) > 0 && p.Good+p.Bad == 0 {
				continue // a build of the builder that it parts from
			}
			if err := t.saveProbe(made, p); err != nil {
				return err
			}
		}
		said.Kind, said.Other = weir.WasSplit, made
		return t.replaceVictims(*r, stay, probes)
	})
	return made, err
}

// origin gives a part that is to be split off the ends and the path of the
// regression that its victims were merged from, if none of them is on the builder
// that is searched: on that one nothing is known of them.
func (t *tx) origin(part *weir.Regression, leave []weir.Victim) error {
	if slices.ContainsFunc(leave, func(v weir.Victim) bool { return v.Builder.ID == part.Builder.ID }) {
		return nil
	}
	into := []weir.RegressionID{part.ID}
	for range mostMerges {
		merged, err := t.regressions(`WHERE b.merged_into IN `+t.In(1)+` ORDER BY b.id`, sqltx.IDs(into))
		if err != nil || len(merged) == 0 {
			return err
		}
		into = into[:0]
		for _, m := range merged {
			if m.Builder.ID == leave[0].Builder.ID {
				part.Builder, part.Good, part.Bad, part.Path, part.Confirmed = m.Builder, m.Good, m.Bad, m.Path, m.Confirmed
				return nil
			}
			into = append(into, m.ID)
		}
	}
	return nil
}

// mostMerges is through how many merges in a row victims are followed back.
const mostMerges = 10

// Ask opens a search that follows from another one, or that a person asked for.
func (s Conclusions) Ask(ctx context.Context, r weir.Regression) (id weir.RegressionID, err error) {
	if r.Aim == weir.AimBreak || !slices.Contains(weir.Aims(), r.Aim) {
		return 0, weir.Errorf(weir.Invalid, "%.40q is nothing that can be asked", string(r.Aim))
	}
	if len(r.Victims) == 0 || weir.Steps(r.Path) < 1 {
		return 0, weir.Errorf(weir.Invalid, "a search needs tests, and a path with at least one revision")
	}
	now := sqltx.TimeOf(sqltx.Micros(r.Opened))
	err = s.write(ctx, "open a search", now, func(t *tx) error {
		id = 0
		if r.Of != 0 {
			if _, err := t.lockRegression(r.Of); err != nil {
				return err
			}
			path, err := sqltx.Encode(r.Path)
			if err != nil {
				return err
			}
			same, err := sqltx.Collect(t, sqltx.Scalar[weir.RegressionID],
				`SELECT id FROM regressions WHERE of_id <> 0 AND of_id = $1 AND aim = $2 AND good_build = $3 AND bad_build = $4 AND path = $5
				ORDER BY id LIMIT 1`, int64(r.Of), string(r.Aim), int64(r.Good.Build), int64(r.Bad.Build), path)
			if err != nil || len(same) > 0 {
				id = slices.Concat(same, []weir.RegressionID{0})[0]
				return err
			}
		}
		id, err = t.openRegression(r, now)
		return err
	})
	return id, err
}
