package sqlinquiry

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

const (
	// mostGrounds is how many builds of a transition are kept.
	mostGrounds = 20
	// longestLog is how many transitions of a regression are listed.
	longestLog = 1000
)

// log writes down what became of a regression.
func (t *tx) log(id weir.RegressionID, s weir.Transition) error {
	builds := ""
	if len(s.Builds) > 0 {
		var err error
		if builds, err = sqltx.Encode(s.Builds[:min(len(s.Builds), mostGrounds)]); err != nil {
			return err
		}
	}
	return t.Put(`INSERT INTO regression_log (regression_id, at, kind, to_state, by_whom, builds, other, note)
		VALUES (`+sqltx.Placeholders(1, 8)+`)`, int64(id), sqltx.Micros(s.At), string(s.Kind), string(s.To),
		sqltx.Clip(s.By, weir.MaxReason), builds, int64(s.Other), sqltx.Clip(s.Note, weir.MaxReason))
}

// logOpening writes down that a regression was opened, and by which builds.
func (t *tx) logOpening(r weir.Regression, now time.Time) error {
	opened := weir.Transition{At: now, Kind: weir.WasOpened, To: r.State, By: r.Asked.By, Other: r.Of, Note: r.Asked.Why}
	for _, e := range []weir.Evidence{r.Good, r.Bad} {
		if e.Build != 0 {
			opened.Builds = append(opened.Builds, e.Build)
		}
	}
	if opened.Note == "" {
		opened.Note = fmt.Sprintf("%d tests", len(r.Victims))
		if len(r.Victims) == 1 {
			opened.Note = r.Victims[0].Test.String()
		}
	}
	if err := t.log(r.ID, opened); err != nil || r.Confirmed == 0 {
		return err
	}
	return t.log(r.ID, weir.Transition{At: now, Kind: weir.WasConfirmed, To: r.State, Builds: []weir.BuildID{r.Confirmed}})
}

// logAdvance writes down what a step of a search has changed.
func (t *tx) logAdvance(old, next, into weir.Regression, u store.RegressionUpdate, now time.Time) error {
	if next.Confirmed != 0 && old.Confirmed == 0 {
		if err := t.log(next.ID, weir.Transition{At: now, Kind: weir.WasConfirmed, To: next.State, Builds: []weir.BuildID{next.Confirmed}}); err != nil {
			return err
		}
	}
	if next.State != old.State {
		if err := t.log(next.ID, weir.Transition{At: now, Kind: weir.TransitionTo(next.State), To: next.State, Builds: u.Grounds,
			Other: next.MergedInto, Note: next.Note}); err != nil {
			return err
		}
	}
	if u.MergeInto == 0 {
		return nil
	}
	return t.log(u.MergeInto, weir.Transition{At: now, Kind: weir.WasJoined, To: into.State, Builds: u.Grounds, Other: next.ID, Note: u.Regression.Note})
}

// Transitions lists what became of a regression, oldest first.
func (s Conclusions) Transitions(ctx context.Context, id weir.RegressionID) (all []weir.Transition, err error) {
	err = s.read(ctx, "list what became of a regression", func(c conn) error {
		all, err = sqltx.Collect(c, func(row sqltx.Scanner) (s weir.Transition, err error) {
			err = row.Scan(sqltx.Time(&s.At), &s.Kind, &s.To, &s.By, sqltx.JSON(&s.Builds), &s.Other, &s.Note)
			return s, err
		}, `SELECT at, kind, to_state, by_whom, builds, other, note FROM regression_log WHERE regression_id = $1 ORDER BY id LIMIT $2`,
			int64(id), longestLog)
		return err
	})
	return all, err
}
