package bench

import (
	"bufio"
	"context"
	"fmt"
	"os"
)

// writeJUnit generates a results file in which all tests pass.
func writeJUnit(path string, tests int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	fmt.Fprintf(w, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite name=\"all\" tests=\"%d\" failures=\"0\">\n", tests)
	for i := range tests {
		fmt.Fprintf(w, "<testcase classname=\"tests.module%03d.Case%d\" name=\"test_behaviour_number_%d\" time=\"0.%03d\"/>\n", i/100, i/10, i, i*7%1000)
	}
	fmt.Fprint(w, "</testsuite>\n</testsuites>\n")
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// results measures the way of test results from the end of the command that
// left them to the verdict.
func (b *Bench) results(ctx context.Context, s Subject) error {
	if err := writeJUnit(b.files.path("junit.xml"), b.size.tests); err != nil {
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
	if err := writeJUnit(b.files.path("junit.xml"), b.size.manyTests); err != nil {
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
	trip, err := s.Run(ctx, JobJUnit)
	if err != nil {
		return 0, err
	}
	stamp, err := b.files.stamp()
	if err != nil {
		return 0, err
	}
	b.add(s, row, seconds(trip.Settled.Sub(stamp)))
	b.add(s, row+"peak", s.Parts().Server.Memory().Peak)
	return b.stored(ctx, s)
}
