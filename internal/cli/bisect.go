package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

type bisectFlags struct {
	suite, job, platform, builder, of, good, bad, why, fix string
	at                                                     []string
	wait, list                                             bool
}

func newBisect() *cobra.Command {
	c := &cobra.Command{
		Use:   "bisect PROJECT TEST",
		Short: "ask which revision made a test bad, or mended it",
		Long: `Ask which revision of an upstream, or of the project itself, made a test bad.
The farm builds what it needs between the two revisions, hears what was built
there already, and names the revision. Nothing else on the farm changes: no
baseline moves, and no regression is opened or closed.

TEST is named as for weir history: its name, and its suite with --suite. A
revision is a whole id, the beginning of one, or a version. Without --good and
--bad the test's history says where it turned bad. All other projects stand
where the builder's newest settled build has them (or the first bad build,
without --bad), but for those that --at pins.

With --fix, ask which revision mended a regression instead. --list lists
searches that people asked for and that follow from a regression.

On a terminal, or with --wait, it follows the search to its end, and exits with
1 if that names no revision. An interrupt leaves the search alone: it goes on.

It needs a token with the right triage; see weir token --help.`,
		Example: "  weir bisect twisted test_connect --suite twisted.test.test_tcp --of cpython --good v3.13.0 --bad v3.14.0a1\n" +
			"  weir bisect mill TestUpper --suite mill/text --platform linux/arm64 --wait\n  weir bisect --fix r3\n  weir bisect --list",
		Args: cobra.MaximumNArgs(2),
	}
	server := console.ServerFlag(c)
	admin := console.AdminClient(c, server)
	var f bisectFlags
	flags := c.Flags()
	flags.StringVar(&f.suite, "suite", "", "the test's suite, if it has one")
	flags.StringVar(&f.of, "of", "", "whose revisions to search (default: the project's own)")
	flags.StringVar(&f.good, "good", "", "a revision at which the test is good")
	flags.StringVar(&f.bad, "bad", "", "a later one at which it is bad")
	flags.StringArrayVar(&f.at, "at", nil, "where another project stands, as PROJECT=REV; may be repeated")
	flags.StringVar(&f.platform, "platform", "", "on this platform, as os/arch")
	flags.StringVar(&f.job, "job", "", "in this job")
	flags.StringVar(&f.builder, "builder", "", "on the builder of this name, if several fit")
	flags.StringVar(&f.why, "why", "", "one line for people")
	flags.StringVar(&f.fix, "fix", "", "which revision mended this regression, for example r3")
	flags.BoolVar(&f.wait, "wait", false, "follow the search to its end (default: on a terminal)")
	flags.BoolVar(&f.list, "list", false, "list searches")
	c.RunE = func(c *cobra.Command, args []string) error {
		ask, err := f.ask(c, args)
		if err != nil {
			return err
		}
		if f.list {
			return listSearches(c, server())
		}
		farm, err := admin()
		if err != nil {
			return err
		}
		asked, err := farm.Bisect(c.Context(), ask)
		if err != nil {
			return err
		}
		show.Asked(c.OutOrStdout(), asked)
		if c.Flags().Changed("wait") && !f.wait || !f.wait && !onTerminal(c) {
			fmt.Fprintf(c.OutOrStdout(), "to look at it: weir regressions %d\n", asked.Search.ID)
			return nil
		}
		return follow(c, farm, asked.Search.ID)
	}
	return c
}

// ask puts the command line together.
func (f bisectFlags) ask(c *cobra.Command, args []string) (client.Ask, error) {
	ask := client.Ask{Why: client.Why{Why: f.why}, Suite: f.suite, Job: f.job, Platform: weir.Platform(f.platform), Builder: f.builder,
		Of: f.of, Good: f.good, Bad: f.bad}
	switch {
	case f.list && (len(args) > 0 || f.fix != ""):
		return ask, console.UsageHint(fmt.Errorf("--list goes alone"), console.SeeHelp(c))
	case f.list:
		return ask, nil
	case f.fix != "":
		id, err := console.ParseID(f.fix, "regression")
		if err != nil {
			return ask, err
		}
		if len(args) > 0 || f.suite+f.job+f.platform+f.builder+f.of+f.good+f.bad != "" || len(f.at) > 0 {
			return ask, console.UsageHint(fmt.Errorf("--fix goes without a test and revisions: the regression knows them"), console.SeeHelp(c))
		}
		ask.Fix = weir.RegressionID(id)
		return ask, nil
	case len(args) != 2:
		return ask, console.UsageHint(fmt.Errorf("name a project and one of its tests, or a regression with --fix"), console.SeeHelp(c))
	}
	ask.Project, ask.Name = args[0], args[1]
	for _, pin := range f.at {
		project, rev, ok := strings.Cut(pin, "=")
		if !ok || project == "" || rev == "" {
			return ask, console.UsageHint(fmt.Errorf("--at %.80q is not of the form PROJECT=REV", pin), console.SeeHelp(c))
		}
		if ask.At == nil {
			ask.At = map[string]string{}
		}
		if old, ok := ask.At[project]; ok && old != rev {
			return ask, console.UsageHint(fmt.Errorf("--at pins %.80q twice", project), console.SeeHelp(c))
		}
		ask.At[project] = rev
	}
	return ask, nil
}

func onTerminal(c *cobra.Command) bool {
	f, ok := c.OutOrStdout().(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func listSearches(c *cobra.Command, server string) error {
	farm, err := client.New(server, nil)
	if err != nil {
		return err
	}
	list, err := farm.Bisections(c.Context())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "no searches")
		return nil
	}
	show.Searches(c.OutOrStdout(), list)
	return nil
}

// followEvery is how often a search is looked at that somebody waits for.
const followEvery = time.Second

// follow prints how a search goes on, and how it ends.
func follow(c *cobra.Command, farm *client.Client, id weir.RegressionID) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	note := ""
	for {
		d, err := farm.Regression(c.Context(), id)
		r := d.Regression
		switch {
		case weir.CodeOf(err) == weir.Unavailable && note != "": // it may be starting anew
		case err != nil:
			return left(c, id, err)
		case r.State != weir.Searching:
			show.Found(c.OutOrStdout(), r)
			fmt.Fprintf(c.OutOrStdout(), "all of it: weir regressions %d\n", id)
			if r.Culprit.Project == "" {
				return console.ErrBadNews
			}
			return nil
		case r.Note != note:
			note = r.Note
			fmt.Fprintf(c.OutOrStdout(), "  %s\n", show.Safe(note))
		}
		select {
		case <-tick.C:
		case <-c.Context().Done():
			return left(c, id, c.Context().Err())
		}
	}
}

// left says how to look at a search that goes on without anybody waiting for it.
func left(c *cobra.Command, id weir.RegressionID, err error) error {
	if c.Context().Err() != nil {
		err = c.Context().Err()
		fmt.Fprintf(c.ErrOrStderr(), "\nthe search goes on; to look at it: weir regressions %d; to end it: weir regressions dismiss %d --why TEXT\n", id, id)
	}
	return err
}
