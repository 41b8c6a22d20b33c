package starts

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

func newRerun() *cobra.Command {
	c := &cobra.Command{
		Use:   "rerun RUN",
		Short: "repeat a run, or what failed of it",
		Long: `Build what a run built once more: the same revisions, the same recipe, the same
parameters. With --failed only what did not pass, with --build only some builds.
It answers questions and moves no baseline; weir force builds what is newest.

It needs a token with the right build; see weir token --help.`,
		Example: "  weir rerun 41\n  weir rerun 41 --failed\n  weir rerun 41 --build 812 --wait",
		Args:    cobra.ExactArgs(1),
	}
	connect := console.AdminFlags(c)
	failed := c.Flags().Bool("failed", false, "only what did not pass")
	builds := c.Flags().Int64Slice("build", nil, "only this build of the run; may be repeated")
	reason := c.Flags().String("reason", "", "one line for people")
	wait := c.Flags().Bool("wait", false, "wait for the builds, and exit with 1 if one is bad")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := console.ParseID(args[0], "run")
		if err != nil {
			return err
		}
		farm, err := connect()
		if err != nil {
			return err
		}
		ask := client.Rerun{Failed: *failed, Reason: *reason}
		for _, b := range *builds {
			ask.Builds = append(ask.Builds, weir.BuildID(b))
		}
		out, err := farm.Rerun(c.Context(), weir.RunID(id), ask)
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "run %d: %s%s\n", out.Run, show.Plural(len(out.Builds), "build", "builds"), console.Numbers(out.Builds))
		if !*wait {
			return nil
		}
		return follow(c.Context(), c.OutOrStdout(), farm, out.Builds)
	}
	return c
}

func newStarts() *cobra.Command {
	c := &cobra.Command{
		Use:     "starts",
		Short:   "list when jobs start by themselves",
		Long:    "List the jobs with a key cron, those that start first at the top, with when they\nwill and when they last did.",
		Example: "  weir starts",
		Args:    cobra.NoArgs,
	}
	server := console.ServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		list, err := farm.Upcoming(c.Context())
		if err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "no job starts by itself: the key cron of a job says when one does")
			return nil
		}
		return timetable(c.OutOrStdout(), list, time.Now())
	}
	return c
}

func timetable(w io.Writer, list []client.Tick, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "NEXT AT\tIN\tJOB\tCRON\tLAST AT")
	for _, tick := range list {
		last := "never"
		if !tick.Last.IsZero() {
			last = tick.Last.Local().Format("2006-01-02 15:04")
		}
		in := "now"
		if left := tick.At.Sub(now).Round(time.Minute); left > 0 {
			in = left.String()
			in = in[:len(in)-len("0s")]
		}
		fmt.Fprintf(t, "%s\t%s\t%s/%s\t%s\t%s\n", tick.At.Local().Format("2006-01-02 15:04 MST"), in,
			show.Safe(tick.Project), show.Safe(tick.Job), show.Safe(tick.Cron), last)
	}
	return t.Flush()
}

func newPulls() *cobra.Command {
	c := &cobra.Command{
		Use:   "pulls",
		Short: "list pull requests, and say which of them may be built",
		Long: `List the pull requests that forges have told of, those that changed last first.
One that is held waits for approval: its code comes from somebody who is not
trusted, and would run on the farm's workers. Look at it before you approve it;
a new head waits again. Approved or not, builds of forks get no secrets.

Listing is open to everybody; the other verbs need a token with the right
build, see weir token --help.`,
		Example: "  weir pulls\n  weir pulls --state held\n  weir pulls approve 7",
		Args:    console.Subcommands,

		SuggestionsMinimumDistance: 2,
	}
	server := console.ServerFlag(c)
	project := c.Flags().String("project", "", "only of this project")
	state := c.Flags().String("state", "", "only in this state: held, approved, built, refused or closed")
	c.RunE = func(c *cobra.Command, _ []string) error {
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		list, err := farm.Pulls(c.Context(), *project, weir.ProposalState(*state))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "no pull requests: see the key pulls of a source, and docs/webhooks.md")
			return nil
		}
		t := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tSTATE\tPROJECT\tNUMBER\tHEAD\tRUN\tAUTHOR\tTITLE")
		for _, p := range list {
			run, author := "", p.Author
			if p.Run > 0 {
				run = fmt.Sprint(p.Run)
			}
			if p.Fork {
				author += " (fork)"
			}
			fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.State, show.Safe(p.Project), show.Safe(p.Number),
				weir.ShortRevision(p.Head), run, show.Safe(author), show.Clip(show.Safe(p.Title), 80))
		}
		return t.Flush()
	}
	c.AddCommand(decideVerb("approve", "let the head of a pull request be built", "may be built", true),
		decideVerb("refuse", "keep the head of a pull request from being built", "will not be built", false))
	return c
}

func decideVerb(verb, short, done string, approve bool) *cobra.Command {
	c := &cobra.Command{Use: verb + " ID", Short: short, Example: "  weir pulls " + verb + " 7\n  weir pulls " + verb + " 7 --head 1f0c9a5be2", Args: cobra.ExactArgs(1)}
	connect := console.AdminFlags(c)
	head := c.Flags().String("head", "", "the head that you have looked at, or its beginning; another one is refused")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := console.ParseID(args[0], "pull request")
		if err != nil {
			return err
		}
		farm, err := connect()
		if err != nil {
			return err
		}
		p, err := find(c.Context(), farm, weir.ProposalID(id))
		if err != nil {
			return err
		}
		if len(*head) > len(p.Head) || p.Head[:len(*head)] != *head {
			return weir.Errorf(weir.Conflict, "the head of pull request %d is %s by now", id, weir.ShortRevision(p.Head)).
				WithHint("look at what has changed, and name that head")
		}
		if err := farm.DecidePull(c.Context(), p.ID, p.Head, approve); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "%s of pull request %s of %s %s\n", weir.ShortRevision(p.Head), show.Safe(p.Number), show.Safe(p.Project), done)
		return nil
	}
	return c
}

// find reads one pull request.
func find(ctx context.Context, farm *client.Client, id weir.ProposalID) (weir.Proposal, error) {
	list, err := farm.Pulls(ctx, "", "")
	if err != nil {
		return weir.Proposal{}, err
	}
	for _, p := range list {
		if p.ID == id {
			return p, nil
		}
	}
	return weir.Proposal{}, weir.Errorf(weir.NotFound, "there is no pull request %d", id).WithHint("weir pulls lists them by the farm's numbers")
}
