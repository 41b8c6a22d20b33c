package sqlinquiry

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqlstore"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// Observe records what a finished build says about a regression's victims.
// It leaves the regression's Updated time alone: an observation changes what
// is known, not what was concluded.
func (s Conclusions) Observe(ctx context.Context, id weir.RegressionID, p weir.Probe) error {
	for _, o := range p.Victims {
		if o != weir.ObservedGood && o != weir.ObservedBad && o != weir.ObservedNone {
			return weir.Errorf(weir.Invalid, "%.40q is not an observation", string(o))
		}
	}
	p = countObserved(p)
	return s.write(ctx, "record an observation", time.Now(), func(t *tx) error {
		locked, err := t.lockRegressions([]weir.RegressionID{id})
		if err != nil {
			return err
		}
		r, ok := locked[id]
		if !ok {
			return noRegression(id)
		}
		if len(p.Victims) != 0 && len(p.Victims) != len(r.Victims) {
			return weir.Errorf(weir.Conflict, "regression %d has %d tests, and build %d speaks of %d", id, len(r.Victims), p.Build, len(p.Victims)).
				WithHint("read the regression again")
		}
		if _, err := sqlstore.ReadBuild(t.Reader(), p.Build); err != nil {
			return err
		}
		known, err := t.observations(id)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(known, func(k weir.Probe) bool {
			return k.Build == p.Build && k.Position == p.Position && k.Good == p.Good && k.Bad == p.Bad && k.None == p.None &&
				slices.Equal(k.Victims, p.Victims)
		}) {
			return nil
		}
		t.TellID(weir.EventRegression, int64(id))
		return t.saveProbe(id, p)
	})
}

func (t *tx) saveProbe(id weir.RegressionID, p weir.Probe) error {
	victims := ""
	if len(p.Victims) > 0 {
		var err error
		if victims, err = sqltx.Encode(p.Victims); err != nil {
			return err
		}
	}
	err := t.Put(`INSERT INTO probes (regression_id, build_id, position, good, bad, none, victims) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (regression_id, build_id) DO UPDATE SET position = excluded.position, good = excluded.good,
			bad = excluded.bad, none = excluded.none, victims = excluded.victims`,
		int64(id), int64(p.Build), p.Position, p.Good, p.Bad, p.None, victims)
	return err
}

// observations reads what builds have said, by position and age.
func (c conn) observations(id weir.RegressionID) ([]weir.Probe, error) {
	return sqltx.Collect(c, func(r sqltx.Scanner) (p weir.Probe, err error) {
		err = r.Scan(&p.Build, &p.Position, &p.State, &p.Outcome, sqltx.JSON(&p.Pins), &p.Good, &p.Bad, &p.None, sqltx.JSON(&p.Victims))
		return p, err
	}, `SELECT b.id, p.position, b.state, b.outcome, b.pins, p.good, p.bad, p.none, p.victims
		FROM probes p JOIN builds b ON b.id = p.build_id WHERE p.regression_id = $1 ORDER BY p.position, b.id`, int64(id))
}

// Probes lists the builds on a regression's path, by position and age: those
// that were observed, and those that were made for it and have yet to speak.
func (s Conclusions) Probes(ctx context.Context, id weir.RegressionID) (probes []weir.Probe, err error) {
	err = s.snapshot(ctx, "list probes", func(c conn) error {
		if probes, err = c.observations(id); err != nil {
			return err
		}
		waiting, err := c.waitingProbes(id)
		probes = append(probes, waiting...)
		slices.SortFunc(probes, func(a, b weir.Probe) int {
			return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.Build, b.Build))
		})
		return err
	})
	return probes, err
}

// waitingProbes lists builds of the regression's own runs, on builders of its
// victims, that nobody has observed yet and whose pins lie on its path.
func (c conn) waitingProbes(id weir.RegressionID) ([]weir.Probe, error) {
	builds, err := sqlstore.Builds(c.Conn, `WHERE b.run_id IN (SELECT x.id FROM runs x WHERE x.regression_id = $1 AND x.regression_id > 0)
		AND b.builder_id IN (SELECT v.builder_id FROM victims v WHERE v.regression_id = $1)
		AND b.id NOT IN (SELECT p.build_id FROM probes p WHERE p.regression_id = $1)`, int64(id))
	if err != nil || len(builds) == 0 {
		return nil, err
	}
	regressions, err := c.regressions(`WHERE b.id = $1`, int64(id))
	if err != nil || len(regressions) == 0 {
		return nil, err
	}
	path := regressions[0].Path
	positions := make([]map[string]int64, len(path))
	for i, leg := range path {
		if positions[i], err = c.positions(leg, builds); err != nil {
			return nil, err
		}
	}
	var waiting []weir.Probe
	for _, b := range builds {
		if at, ok := onPath(path, positions, b.Pins); ok && stands(path, regressions[0].Bad.Pins, b.Pins) {
			if regressions[0].Aim == weir.AimFix { // walked from its end
				at = weir.Steps(path) - at
			}
			waiting = append(waiting, weir.Probe{Build: b.ID, Position: at, State: b.State, Outcome: b.Outcome, Pins: b.Pins})
		}
	}
	return waiting, nil
}

// positions looks up where the builds' revisions of a leg's project lie.
func (c conn) positions(leg weir.Leg, builds []weir.Build) (map[string]int64, error) {
	ids := [][]string{}
	for _, b := range builds {
		ids = append(ids, []string{sqltx.Clean(b.Pins[leg.Project])})
	}
	data, err := sqltx.Encode(ids)
	if err != nil {
		return nil, err
	}
	revisions, err := sqltx.Collect(c, func(r sqltx.Scanner) (rev weir.Revision, err error) {
		err = r.Scan(&rev.ID, &rev.Position)
		return rev, err
	}, `SELECT id, position FROM revisions
		WHERE project = $1 AND branch = $2 AND id IN (SELECT q.rev FROM `+c.Table(3, "q", "rev")+`)`,
		sqltx.Clean(leg.Project), sqltx.Clean(leg.Branch), data)
	positions := make(map[string]int64, len(revisions))
	for _, r := range revisions {
		positions[r.ID] = r.Position
	}
	return positions, err
}

// onPath finds the position of pins on a path. A leg begins to move only when
// the one before it has ended; anything else lies beside the path.
func onPath(path []weir.Leg, positions []map[string]int64, pins weir.Pins) (int, bool) {
	var at int64
	arrived := true // at the end of all legs so far
	for i, leg := range path {
		pos, ok := positions[i][pins[leg.Project]]
		if !ok || pos < leg.From || pos > leg.To || !arrived && pos != leg.From {
			return 0, false
		}
		at += pos - leg.From
		arrived = pos == leg.To
	}
	return int(at), true
}

// stands reports whether every project that takes no step on a path is where
// the bad end has it. Elsewhere pins are those of a corner beside the path.
func stands(path []weir.Leg, bad, pins weir.Pins) bool {
	for name, rev := range bad {
		moves := slices.ContainsFunc(path, func(l weir.Leg) bool { return l.Project == name })
		if !moves && pins[name] != rev {
			return false
		}
	}
	return true
}
