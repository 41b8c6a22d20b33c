// Command pagebench measures the pages of a large farm; see package pagebench.
//
//	pagebench                                   everything, to the terminal
//	pagebench -doc docs/performance.md          and into a document
//	pagebench -dir /tmp/farm -only /matrix      one page; the farm stays, and is used again
//	pagebench -only /matrix -profile cpu.pprof  where its time goes
//	pagebench -postgres                         on a PostgreSQL of its own
//
// With -postgres the database is made on the cluster that WEIR_TEST_POSTGRES tells
// of, as with tests, or on one that ends with the program. With -dir too, it has
// to be the former, and the database stays.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"syscall"

	"github.com/weir-ci/weir/internal/pagebench"
	"github.com/weir-ci/weir/internal/store/pgtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "pagebench:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	var o options
	flag.StringVar(&o.dir, "dir", "", "`directory` of the farm, which stays and is used again (default: a temporary one)")
	flag.StringVar(&o.doc, "doc", "", "`file` to write the table into, between its markers")
	flag.StringVar(&o.only, "only", "", "measure pages with this `text` in their address only")
	flag.BoolVar(&o.small, "small", false, "a small farm, to see that it works")
	flag.BoolVar(&o.postgres, "postgres", false, "on PostgreSQL instead of SQLite")
	flag.IntVar(&o.requests, "requests", 100, "`number` of requests for each page")
	flag.BoolVar(&o.browser, "browser", true, "measure in a browser too")
	flag.StringVar(&o.profile, "profile", "", "`file` for a profile of the processor time of the requests")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	farm, remove, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	report, err := o.measure(ctx, farm)
	if err != nil {
		return err
	}
	fmt.Println(report.Markdown())
	if o.doc != "" && o.only == "" {
		return report.Write(o.doc)
	}
	return nil
}

// options are what the command line says.
type options struct {
	dir, doc, only, profile  string
	small, postgres, browser bool
	requests                 int
}

// measure serves the farm and measures its pages. The farm is closed then.
func (o *options) measure(ctx context.Context, farm *pagebench.Farm) (report *pagebench.Report, err error) {
	server, err := farm.Serve(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	report = &pagebench.Report{Size: farm.Size}
	if report.Database, err = farm.Version(ctx); err != nil {
		return nil, err
	}
	if o.profile != "" {
		out, err := os.Create(o.profile)
		if err != nil {
			return nil, err
		}
		defer out.Close() // what could not be written shows in the profile
		if err := pprof.StartCPUProfile(out); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	if report.Figures, err = server.Measure(ctx, o.only, o.requests, os.Stderr); err != nil {
		return nil, err
	}
	if o.browser && o.only == "" {
		if report.Paint, report.Changes, err = server.Browse(ctx); err != nil {
			return nil, err
		}
	}
	return report, nil
}

// open fills a farm, or takes the one that is there. Remove is for when it is closed.
func (o *options) open(ctx context.Context) (farm *pagebench.Farm, remove func() error, err error) {
	size := pagebench.Large()
	if o.small {
		size = pagebench.Small()
	}
	var undo []func() error
	remove = func() (err error) {
		for _, f := range slices.Backward(undo) {
			err = errors.Join(err, f())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	dir := o.dir
	if dir == "" {
		if dir, err = os.MkdirTemp("", "pagebench"); err != nil {
			return nil, nil, err
		}
		undo = append(undo, func() error { return os.RemoveAll(dir) })
	} else if _, err := os.Stat(filepath.Join(dir, "weir.yaml")); err == nil {
		farm, err = pagebench.Reuse(ctx, dir, size)
		return farm, remove, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, err
	}
	database := ""
	if o.postgres {
		admin := os.Getenv(pgtest.Env)
		if admin == "" {
			if o.dir != "" {
				return nil, nil, fmt.Errorf("a farm that stays needs a database that does: let %s tell of a cluster", pgtest.Env)
			}
			cluster, err := pgtest.Start(ctx)
			if err != nil {
				return nil, nil, err
			}
			undo = append(undo, cluster.Stop)
			admin = cluster.DSN()
		}
		var drop func() error
		if database, drop, err = pgtest.Make(admin); err != nil {
			return nil, nil, err
		}
		if o.dir == "" {
			undo = append(undo, drop)
		}
	}
	fmt.Fprintln(os.Stderr, "filling a farm, which takes some minutes")
	farm, err = pagebench.Fill(ctx, dir, database, size)
	return farm, remove, err
}
