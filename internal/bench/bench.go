package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Options say what to measure.
type Options struct {
	// Program is the weir to measure.
	Program string
	// Env is added to the environment of the programs that are measured.
	Env []string
	// Dir is where everything is kept; empty: a new directory, removed afterwards.
	Dir string
	// Only lists groups; empty: all of them.
	Only []string
	// Peers measures Buildbot as well, and leaves out what it has no notion of.
	Peers bool
	// SQLite leaves out PostgreSQL.
	SQLite bool
	// Short makes everything as small as possible: to see that it works.
	Short bool
	// Progress is told what happens.
	Progress io.Writer
}

// size is how much of everything there is.
type size struct {
	starts, trips, builds, rounds, connections int
	idle                                       time.Duration // before memory counts as idle
	logLines, hugeLines, logs, wholes, reads   int
	settle                                     int // looks without a change until what is stored is settled
	tests, manyTests, ingests                  int
	drips                                      int
	workers, leases                            int
	idleTime                                   time.Duration
	builders, perBuilder, pages                int
	buildbotPart                               int // Buildbot does one part in so many of what repeats
}

func sizes(short bool) size {
	if short {
		return size{starts: 1, trips: 2, builds: 4, rounds: 1, connections: 2, idle: 10 * time.Millisecond,
			logLines: 2000, hugeLines: 4000, logs: 1, wholes: 1, reads: 2, settle: 1, tests: 20, manyTests: 50, ingests: 1,
			drips: 5, workers: 20, leases: 2, idleTime: 50 * time.Millisecond, builders: 5, perBuilder: 4, pages: 2, buildbotPart: 1}
	}
	return size{starts: 5, trips: 200, builds: 1000, rounds: 2, connections: 8, idle: 5 * time.Second,
		logLines: 1_250_000, hugeLines: 12_500_000, logs: 3, wholes: 3, reads: 50, settle: 4, tests: 10_000, manyTests: 1_000_000, ingests: 3,
		drips: 200, workers: 5000, leases: 50, idleTime: 40 * time.Second, builders: 1000, perBuilder: 100, pages: 50, buildbotPart: 10}
}

// group is a measurement and the columns that it is for.
type group struct {
	name    string
	columns []string
	jobs    []Job
	measure func(b *Bench, ctx context.Context, s Subject) error
}

func groups() []group {
	everybody := []string{sqliteColumn, postgresColumn, buildbotColumn}
	return []group{
		{"start", []string{sqliteColumn, buildbotColumn}, []Job{JobTrue}, (*Bench).starting},
		{"latency", everybody, []Job{JobTrue, JobStamp, JobPush}, (*Bench).latency},
		{"builds", everybody, []Job{JobTrue}, (*Bench).builds},
		{"logs", []string{sqliteColumn, buildbotColumn}, []Job{JobTrue, JobLog}, (*Bench).logs},
		{"results", everybody, []Job{JobTrue, JobJUnit}, (*Bench).results},
		{"browser", []string{sqliteColumn}, []Job{JobDrip}, (*Bench).browser},
		{"idle", []string{sqliteColumn, postgresColumn}, []Job{JobTrue}, (*Bench).idleWorkers},
		{"pages", []string{sqliteColumn, postgresColumn}, []Job{JobTrue}, (*Bench).pages},
	}
}

// Groups lists the names of all measurements.
func Groups() []string {
	var names []string
	for _, g := range groups() {
		names = append(names, g.name)
	}
	return names
}

// Bench is one run of the benchmarks.
type Bench struct {
	options  Options
	size     size
	dir      string
	files    files
	postgres *postgres
	buildbot string // its version
	samples  map[string]map[string]Samples
	loads    map[string]string // load average at the start of a group, by group
	farms    int
}

// Measure measures what the options ask for.
func Measure(ctx context.Context, o Options) (_ *Report, err error) {
	for _, name := range o.Only {
		if !slices.Contains(Groups(), name) {
			return nil, fmt.Errorf("there is no measurement called %q; there are: %s", name, strings.Join(Groups(), ", "))
		}
	}
	b := &Bench{options: o, size: sizes(o.Short), dir: o.Dir, samples: map[string]map[string]Samples{}, loads: map[string]string{}}
	if b.dir == "" {
		if b.dir, err = os.MkdirTemp("", "weirbench"); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()
	}
	b.files = files(filepath.Join(b.dir, "files"))
	if err := os.MkdirAll(string(b.files), 0o700); err != nil {
		return nil, err
	}
	if !o.SQLite {
		if b.postgres, err = startPostgres(ctx); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, b.postgres.stop()) }()
	}
	var errs []error // one measurement that does not work leaves the others
	for _, g := range groups() {
		if len(o.Only) > 0 && !slices.Contains(o.Only, g.name) {
			continue
		}
		errs = append(errs, b.group(ctx, g))
	}
	return b.report(ctx), errors.Join(errs...)
}

// group measures one group on all subjects that it is for.
func (b *Bench) group(ctx context.Context, g group) error {
	b.loads[g.name] = loadAverage()
	var errs []error
	for _, column := range g.columns {
		if column == postgresColumn && b.postgres == nil || column == buildbotColumn && !b.options.Peers ||
			b.options.Peers && !slices.Contains(g.columns, buildbotColumn) {
			continue
		}
		begin := time.Now()
		err := b.one(ctx, g, column)
		fmt.Fprintf(b.options.Progress, "%-8s %-16s %6.1f s  load %s\n", g.name, column, time.Since(begin).Seconds(), loadAverage())
		if err != nil {
			fmt.Fprintf(b.options.Progress, "%-8s %-16s %v\n", g.name, column, err)
			errs = append(errs, fmt.Errorf("%s, %s: %w", g.name, column, err))
		}
	}
	return errors.Join(errs...)
}

// one measures one group on a new subject.
func (b *Bench) one(ctx context.Context, g group, column string) (err error) {
	b.farms++
	dir := filepath.Join(b.dir, fmt.Sprint("farm", b.farms))
	var s Subject
	if column == buildbotColumn {
		var peer *Buildbot
		if err := os.Mkdir(dir, 0o700); err != nil {
			return err
		}
		if peer, err = NewBuildbot(ctx, dir, string(b.files), b.size.drips); err != nil {
			return err
		}
		b.buildbot, s = peer.Version(ctx), peer
	} else {
		var pg *postgres
		if column == postgresColumn {
			pg = b.postgres
		}
		if err := os.RemoveAll(b.files.path("on")); err != nil {
			return err
		}
		extra := 0
		if g.name == "pages" {
			extra = b.size.builders
		}
		if s, err = NewWeir(ctx, WeirOptions{Program: b.options.Program, Dir: dir, files: b.files, Drips: b.size.drips, Jobs: g.jobs, Projects: extra, Env: b.options.Env, postgres: pg}); err != nil {
			return err
		}
	}
	defer func() {
		err = errors.Join(err, s.Stop())
		if b.options.Dir == "" {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	return g.measure(b, ctx, s)
}

// add records a sample.
func (b *Bench) add(s Subject, id string, value float64) {
	if b.samples[id] == nil {
		b.samples[id] = map[string]Samples{}
	}
	b.samples[id][s.Name()] = append(b.samples[id][s.Name()], value)
}

// scaled is how often a subject repeats what Weir does n times: Buildbot is
// slow, and its figures do not vary much.
func (b *Bench) scaled(s Subject, n int) int {
	if s.Name() == buildbotColumn {
		return max(1, n/b.size.buildbotPart)
	}
	return n
}
