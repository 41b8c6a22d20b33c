package postgres_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

// TestForgetWhileLearning has one server forget a test at the moment when another
// gives it to a builder of the same project: in the end it is found, whoever was first.
//
// Transactions that tell events take the event lock last. The test holds it, so both
// have done all they do, or wait for each other, before either of them commits.
func TestForgetWhileLearning(t *testing.T) {
	t.Parallel()
	shared, other := weir.TestID{Suite: "suite", Name: "shared"}, weir.TestID{Suite: "suite", Name: "other"}
	for name, c := range map[string]struct {
		forgetFirst bool
		learned     weir.TestID
	}{
		"forget, then learn": {true, shared},
		"learn, then forget": {false, shared},
		"forget the last test of a suite, then learn another": {true, other},
		"learn another, then forget the last test of a suite": {false, other},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dsn := pgtest.DSN(t)
			one, two := openTest(t, dsn), openTest(t, dsn)
			if err := one.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			builders := judgeable(t, one)
			if err := one.Settle(t.Context(), builders[0].has(shared)); err != nil {
				t.Fatal(err)
			}
			verbs := []func() error{
				func() error { return one.Settle(t.Context(), builders[1].lost(shared)) },
				func() error { return two.Settle(t.Context(), builders[2].has(c.learned)) },
			}
			if !c.forgetFirst {
				verbs[0], verbs[1] = verbs[1], verbs[0]
			}
			interleave(t, dsn, verbs)
			found, err := one.FindTests(t.Context(), []string{c.learned.Name}, 10)
			if err != nil || len(found) != 1 || found[0].Test != c.learned {
				t.Errorf("found %v (%v), want %v: a builder has it", found, err, c.learned)
			}
			gone, err := one.FindTests(t.Context(), []string{shared.Name}, 10)
			if want := c.learned == shared; err != nil || (len(gone) == 1) != want {
				t.Errorf("found %v (%v), of a test that a builder has: %v", gone, err, want)
			}
		})
	}
}

// judgedAt is when all of this happens.
func judgedAt() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// unjudged is a build that waits to be judged.
type unjudged weir.BuildID

// judgeable makes two builds of one builder and one of another of the same job, all of which ended.
func judgeable(t *testing.T, s store.Store) (list []unjudged) {
	t.Helper()
	now := judgedAt()
	made, err := s.EnsureBuilders(t.Context(), []weir.BuilderKey{{Project: "p", Job: "test", Platform: "linux/amd64"}, {Project: "p", Job: "test", Platform: "darwin/arm64"}})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range []weir.Builder{made[0], made[0], made[1]} {
		pins := weir.Pins{"p": fmt.Sprint("r", i)}
		_, builds, err := s.CreateRun(t.Context(), store.NewRun{Cause: weir.CauseChange, Project: "p", Now: now, Builds: []store.NewBuild{{Builder: b.ID, Pins: pins, Share: store.ShareNone,
			Spec: weir.Spec{Project: "p", Platform: b.Platform, Revision: pins["p"], ProductKey: pins.Key(), Job: weir.Job{Name: "test", Steps: []weir.Step{{Name: "test", Run: "make"}}}}}}})
		if err != nil {
			t.Fatal(err)
		}
		leased, err := s.Lease(t.Context(), store.LeaseAsk{Worker: "w", Platform: b.Platform, Now: now, Deadline: now.AddDate(0, 0, 1), Tokens: []string{fmt.Sprint("token", i)}},
			func(q store.Queue) (ids []weir.BuildID) { return []weir.BuildID{q.Candidates[0].Build} })
		if err != nil || len(leased) != 1 {
			t.Fatal(leased, err)
		}
		if _, err := s.Finish(t.Context(), store.Finish{Attempt: leased[0].Attempt, Token: leased[0].Token, Now: now, Outcome: weir.Passed}); err != nil {
			t.Fatal(err)
		}
		list = append(list, unjudged(builds[0]))
	}
	return list
}

// has settles the build so that its builder has a test, lost so that it has it no more.
func (u unjudged) has(test weir.TestID) store.Settlement {
	st := u.settled()
	st.States = []weir.TestState{{Test: test, Status: weir.Pass, Since: weir.BuildID(u)}}
	return st
}

func (u unjudged) lost(test weir.TestID) store.Settlement {
	st := u.settled()
	st.Forget = []weir.TestID{test}
	return st
}

func (u unjudged) settled() store.Settlement {
	return store.Settlement{Build: weir.BuildID(u), Expect: weir.Unjudged, Become: weir.Settled, Now: judgedAt()}
}

// interleave starts one verb after the other, each when the ones before wait for a
// lock, and lets them end when all of them do.
func interleave(t *testing.T, dsn string, verbs []func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	const eventLock = 0x77656972
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock($1)`, int64(eventLock)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, len(verbs))
	for i, verb := range verbs {
		go func() { ended <- verb() }()
		for waiting := 0; waiting <= i; {
			if err := conn.QueryRow(ctx, `SELECT COUNT(DISTINCT l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
				WHERE NOT l.granted AND a.datname = current_database()`).Scan(&waiting); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				t.Fatalf("a verb ended (%v) while somebody else held the event lock", err)
			default:
			}
		}
	}
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_unlock($1)`, int64(eventLock)); err != nil {
		t.Fatal(err)
	}
	for range verbs {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-ctx.Done():
			t.Fatal("the verbs wait for each other")
		}
	}
}
