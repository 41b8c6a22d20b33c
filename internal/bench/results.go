package bench

import (
	"context"

	"github.com/weir-ci/weir/internal/bench/generate"
)

// results measures the way of test results from the end of the command that
// left them to the verdict.
func (b *Bench) results(ctx context.Context, s Subject) error {
	if err := generate.JUnit(b.files.path("junit.xml"), b.size.tests); err != nil {
		return err
	}
	stored, err := b.warm(ctx, s)
	if err != nil {
		return err
	}
	for i := range 1 + b.size.ingests {
		before := stored
		if stored, err = b.ingest(ctx, s, "results.small"); err != nil {
			return err
		}
		if i == 0 {
			b.add(s, "results.first", stored-before)
		} else {
			b.add(s, "results.same", stored-before)
		}
	}
	if s.Name() != sqliteColumn || b.options.Peers { // the others would take minutes, and nobody compares it
		return nil
	}
	if err := generate.JUnit(b.files.path("junit.xml"), b.size.manyTests); err != nil {
		return err
	}
	for i := range 2 {
		before := stored
		if stored, err = b.ingest(ctx, s, "results.large"); err != nil {
			return err
		}
		if i > 0 {
			b.add(s, "results.largesame", stored-before)
		}
	}
	return nil
}

// ingest runs the job once on a farm that is down before and after, and
// returns how many bytes are stored then.
func (b *Bench) ingest(ctx context.Context, s Subject, row string) (float64, error) {
	if err := up(ctx, s, 2); err != nil {
		return 0, err
	}
	trip, stamp, err := b.runStamped(ctx, s, JobJUnit)
	if err != nil {
		return 0, err
	}
	b.add(s, row, seconds(trip.Settled.Sub(stamp)))
	b.add(s, row+"peak", s.Parts().Server.Memory().Peak)
	return b.stored(ctx, s)
}
