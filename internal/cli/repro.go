package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/local"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/repro"
	"github.com/weir-ci/weir/internal/worker/execute"
)

func newRepro() *cobra.Command {
	c := &cobra.Command{
		Use:   "repro BUILD|rREGRESSION|URL|FILE",
		Short: "try a build of the farm again here, and say whether it saw the same",
		Long: `Rebuild the situation of a build on this machine: the same revisions, products,
steps and environment. Run it, read the results, and hold them against the farm's.

What to try is the number of a build (812), of a regression with an r before it
(r3), the address of either's page, or a capsule, which is a file that --save made
and that needs no farm. A regression is tried at its culprit; with --parent before
it, with --both at both.

THIS RUNS OTHER PEOPLE'S COMMANDS ON YOUR MACHINE, as you and without a sandbox.
They are shown before they run, and a person has to agree unless --yes is given.

Exits with 0 if it saw the same as the farm, 1 if something differs, 2 if it could
not be tried: there is no such build, the farm does not answer, nobody agreed.`,
		Example: `  weir repro 812
  weir repro --both r3
  weir repro https://weir.example.org/builds/812
  weir repro --save break.weir 812
  weir repro break.weir`,
		Args: cobra.ExactArgs(1),
	}
	server := console.ServerFlag(c)
	var o reproOptions
	c.Flags().StringVar(&o.dir, "dir", "", "work in this directory, and keep it (default: a scratch directory, which is removed)")
	c.Flags().StringVar(&o.save, "save", "", "write a capsule to this `FILE` instead of running anything")
	c.Flags().BoolVar(&o.rebuild, "rebuild", false, "build the products of the upstreams here instead of fetching them")
	c.Flags().BoolVar(&o.parent, "parent", false, "try a regression before its culprit")
	c.Flags().BoolVar(&o.both, "both", false, "try a regression at its culprit and before it")
	c.Flags().BoolVarP(&o.yes, "yes", "y", false, "run the commands without asking")
	c.Flags().BoolVarP(&o.quiet, "quiet", "q", false, "do not print what the steps print")
	c.RunE = func(c *cobra.Command, args []string) error {
		if o.parent && o.both {
			return console.UsageHint(errors.New("--parent and --both do not go together"), console.SeeHelp(c))
		}
		if o.dir != "" && o.save != "" {
			return console.UsageHint(errors.New("--dir and --save do not go together: a capsule is saved without running anything"), console.SeeHelp(c))
		}
		o.in, o.out, o.notes, o.server = c.InOrStdin(), c.OutOrStdout(), c.ErrOrStderr(), server
		err := o.do(c.Context(), args[0])
		if err == nil || errors.Is(err, console.ErrBadNews) || c.Context().Err() != nil {
			return err
		}
		return console.Untried(err)
	}
	return c
}

type reproOptions struct {
	dir, save                         string
	rebuild, parent, both, yes, quiet bool
	in                                io.Reader
	out, notes                        io.Writer
	server                            func() string
}

func (o reproOptions) do(ctx context.Context, arg string) error {
	scratch, err := os.MkdirTemp("", "weir-repro-")
	if err != nil {
		return weir.Errorf(weir.Exhausted, "no scratch directory: %w", err)
	}
	defer app.RemoveAll(scratch)
	lab, err := o.lab(ctx, arg, scratch)
	if err != nil {
		return err
	}
	for _, note := range lab.Case.Notes {
		fmt.Fprintf(o.notes, "note: %s\n", show.Safe(note))
	}
	if o.save != "" {
		return o.capsule(ctx, lab)
	}
	first, err := lab.Check(ctx)
	if err != nil {
		return err
	}
	printPlan(o.notes, lab, first)
	if err := o.consent(ctx); err != nil {
		return err
	}
	if o.dir != "" {
		if lab.Dir, err = keptDir(o.dir); err != nil {
			return err
		}
	}
	err = o.try(ctx, lab)
	if closeErr := lab.Close(); err == nil {
		err = closeErr
	}
	return err
}

// keptDir makes the directory that a person wants to keep.
func keptDir(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if entries, err := os.ReadDir(dir); len(entries) > 0 || err != nil && !os.IsNotExist(err) {
		return "", weir.Errorf(weir.Conflict, "%s is not an empty directory", dir).WithHint("choose another one for --dir")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", weir.Errorf(weir.Invalid, "%s cannot be made: %w", dir, err)
	}
	return dir, nil
}

var (
	buildForm      = regexp.MustCompile(`^[0-9]+$`)
	regressionForm = regexp.MustCompile(`^r[0-9]+$`)
	pageForm       = regexp.MustCompile(`^(.*)/(builds|regressions)/([0-9]+)/?$`)
)

// lab makes what tries arg: a number, a page or a capsule.
func (o reproOptions) lab(ctx context.Context, arg, scratch string) (*repro.Lab, error) {
	server, kind, number := "", "", strings.TrimPrefix(arg, "r")
	switch {
	case buildForm.MatchString(arg):
		server, kind = o.server(), "builds"
	case regressionForm.MatchString(arg):
		server, kind = o.server(), "regressions"
	case strings.HasPrefix(arg, "http://"), strings.HasPrefix(arg, "https://"):
		page, err := url.Parse(arg)
		if err != nil {
			return nil, weir.Errorf(weir.Invalid, "%.200q is no address", arg)
		}
		m := pageForm.FindStringSubmatch(page.Path)
		if m == nil {
			return nil, weir.Errorf(weir.Invalid, "%.200q is not the page of a build or a regression", arg).
				WithHint("such a page is at /builds/812 or /regressions/3 of a farm")
		}
		page.Path, page.RawQuery, page.Fragment = m[1], "", ""
		server, kind, number = page.String(), m[2], m[3]
	default:
		return o.openCapsule(arg, scratch)
	}
	if kind == "builds" && (o.parent || o.both) {
		return nil, weir.Errorf(weir.Invalid, "--parent and --both are for regressions, and %s is a build", arg).
			WithHint("the number of a regression has an r before it: weir repro --both r3")
	}
	return o.ask(ctx, server, kind, number, scratch)
}

// ask asks a farm.
func (o reproOptions) ask(ctx context.Context, server, kind, number, scratch string) (*repro.Lab, error) {
	farm, err := client.New(server, nil)
	if err != nil {
		return nil, err
	}
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || id < 1 {
		return nil, weir.Errorf(weir.NotFound, "there is no number %.40s of %s", number, kind)
	}
	lab := &repro.Lab{Supply: farm, Dir: scratch, Rebuild: o.rebuild, Host: console.HostPlatform(), Observe: o.observe}
	if kind == "builds" {
		lab.Case, err = repro.AskBuild(ctx, farm, weir.BuildID(id))
	} else {
		sides := []repro.Side{repro.Culprit}
		switch {
		case o.both:
			sides = []repro.Side{repro.Culprit, repro.Parent}
		case o.parent:
			sides = []repro.Side{repro.Parent}
		}
		lab.Case, err = repro.AskRegression(ctx, farm, weir.RegressionID(id), sides, lab.Host)
	}
	if err != nil {
		return nil, err
	}
	if at, err := url.Parse(server); err == nil {
		at.User, at.RawQuery = nil, ""
		lab.Case.Farm = at.String()
	}
	runner, err := reproRunner()
	if err != nil {
		return nil, err
	}
	lab.Runner = *runner
	return lab, nil
}

// reproRunner runs builds with caches of its own, which stay from one time to
// the next.
func reproRunner() (*execute.Runner, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "there is no directory for caches").WithHint("set HOME").WithCause(err)
	}
	runner, _, err := app.NewRunner(filepath.Join(cache, "weir", "repro"))
	return runner, err
}

func (o reproOptions) openCapsule(path, scratch string) (*repro.Lab, error) {
	if o.parent || o.both || o.save != "" {
		return nil, weir.Errorf(weir.Invalid, "--parent, --both and --save are for what a farm is asked for, and %.200q is neither a build nor a regression", path).
			WithHint("write 812 for a build, r3 for a regression")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, weir.Errorf(weir.NotFound, "there is no capsule %.200q, and it is not the number of a build or a regression", path).
			WithHint("write 812 for a build, r3 for a regression, or name a file that weir repro --save made").WithCause(err)
	}
	defer f.Close() // it was only read
	runner, err := reproRunner()
	if err != nil {
		return nil, err
	}
	files := filepath.Join(scratch, "capsule")
	if err := os.Mkdir(files, 0o700); err != nil {
		return nil, err
	}
	// What reads the bundles of a capsule has mirrors that go with the scratch directory.
	inner, _, err := app.NewRunner(filepath.Join(scratch, "mirrors"))
	if err != nil {
		return nil, err
	}
	capsule, err := repro.Open(bufio.NewReaderSize(f, 1<<20), files, inner.Checkout)
	if err != nil {
		return nil, err
	}
	runner.Checkout = capsule
	return &repro.Lab{Runner: *runner, Supply: capsule, Case: capsule.Case, Dir: scratch, Rebuild: o.rebuild,
		Host: console.HostPlatform(), Observe: o.observe}, nil
}

func (o reproOptions) observe(title string) execute.Observer {
	if !o.quiet {
		fmt.Fprintf(o.out, "=== %s\n", show.Safe(title))
	}
	return local.Printer(o.out, o.quiet)
}

// capsule saves what was asked for.
func (o reproOptions) capsule(ctx context.Context, lab *repro.Lab) (err error) {
	f, err := os.CreateTemp(filepath.Dir(o.save), ".weir-capsule-*")
	if err != nil {
		return weir.Errorf(weir.Invalid, "%s cannot be written: %w", o.save, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	err = repro.Save(ctx, lab, w, o.notes)
	if err == nil {
		err = w.Flush()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(f.Name())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), o.save); err != nil {
		return err
	}
	fmt.Fprintf(o.out, "saved %s, %d KiB; try it with: weir repro %s\n", lab.Case.Subject, (info.Size()+1023)>>10, o.save)
	return nil
}

// consent asks the person at the terminal.
func (o reproOptions) consent(ctx context.Context) error {
	if o.yes {
		return nil
	}
	f, ok := o.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return weir.Errorf(weir.Forbidden, "nobody is there to agree to these commands").
			WithHint("read them above; if you trust them, give --yes")
	}
	fmt.Fprint(o.notes, "Run them? [y/N] ")
	answer := make(chan string, 1)
	go func() { // ends with the program if nobody answers
		line, _ := bufio.NewReader(io.LimitReader(f, 100)).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case said := <-answer:
		if said == "y" || said == "yes" {
			return nil
		}
	}
	return weir.Errorf(weir.Forbidden, "nothing was run")
}

// try runs the trials and says what came of them.
func (o reproOptions) try(ctx context.Context, lab *repro.Lab) error {
	same := true
	for _, t := range lab.Case.Trials {
		f, err := lab.Try(ctx, t)
		if err != nil {
			return err
		}
		same = same && f.Same
		printFinding(ctx, o.out, lab, f)
	}
	if o.dir != "" {
		fmt.Fprintf(o.notes, "everything is still in %s\n", lab.Dir)
	}
	if !same {
		return console.ErrBadNews
	}
	return nil
}
