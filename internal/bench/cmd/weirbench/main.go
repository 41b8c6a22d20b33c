// Command weirbench measures Weir, and Buildbot beside it, and writes what
// comes out into a document; see package bench.
//
//	weirbench -weir bin/weir                 everything that needs no peer, to the terminal
//	weirbench -weir bin/weir -peers -doc docs/performance.md
//	weirbench -only builds,logs -profile /tmp/profiles
//
// Without -weir it measures itself: it contains the whole of weir, and becomes
// it when called as a farm's server or worker. With -profile each of them
// leaves a profile of its processor time.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"syscall"

	"github.com/weir-ci/weir/internal/bench"
	"github.com/weir-ci/weir/internal/cli"
)

// asWeir makes the program behave as weir. profileDir is where it then leaves
// its profile.
const (
	asWeir     = "WEIRBENCH_AS_WEIR"
	profileDir = "WEIRBENCH_PROFILE"
)

func main() {
	if os.Getenv(asWeir) != "" {
		os.Exit(beWeir(os.Args[1:], os.Getenv(profileDir)))
	}
	if err := measure(); err != nil {
		fmt.Fprintln(os.Stderr, "weirbench:", err)
		os.Exit(1)
	}
}

func measure() error {
	var o bench.Options
	flag.StringVar(&o.Program, "weir", "", "the `program` to measure (default: itself)")
	flag.StringVar(&o.Dir, "dir", "", "`directory` for everything, which stays (default: a temporary one)")
	flag.BoolVar(&o.Peers, "peers", false, "measure Buildbot too, and only what it can do as well")
	flag.BoolVar(&o.SQLite, "sqlite", false, "leave PostgreSQL out")
	flag.BoolVar(&o.Short, "short", false, "as little as possible of everything, to see that it works")
	only := flag.String("only", "", "`groups` to measure, of: "+strings.Join(bench.Groups(), ","))
	doc := flag.String("doc", "", "`file` to write the tables into, between its markers, if all groups are measured")
	profile := flag.String("profile", "", "`directory` for profiles of the processor time of servers and workers")
	flag.Parse()
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	o.Progress = os.Stderr
	if o.Program == "" || *profile != "" {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		o.Program = self
		o.Env = []string{asWeir + "=1", profileDir + "=" + *profile}
	}
	program, err := filepath.Abs(o.Program)
	if err != nil {
		return err
	}
	o.Program = program
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := bench.Measure(ctx, o)
	if report != nil {
		fmt.Println(report.Markdown())
	}
	if err == nil && *doc != "" && len(o.Only) == 0 {
		err = report.Write(*doc)
	}
	return err
}

// beWeir is weir, with a profile of its processor time if there is a
// directory for one.
func beWeir(args []string, dir string) int {
	if dir != "" && len(args) > 0 {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("%s-%d.pprof", args[0], os.Getpid())))
		if err == nil {
			err = pprof.StartCPUProfile(f)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "weirbench:", err)
			return 1
		}
		defer pprof.StopCPUProfile()
	}
	return cli.Main(args, os.Stdin, os.Stdout, os.Stderr)
}
