// Package starts holds the verbs that set builds off, and those that tell what
// will: try, rerun, starts, pulls.
package starts

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/worktree"
)

// Commands are the verbs of this package.
func Commands() []*cobra.Command {
	return []*cobra.Command{newTry(), newRerun(), newStarts(), newPulls()}
}

func newTry() *cobra.Command {
	c := &cobra.Command{
		Use:   "try [PROJECT]",
		Short: "have a change tested by the farm before it is pushed",
		Long: `Send what is changed in this working tree, and not pushed, to the farm: commits,
edits, new files. It builds the project with the change, on all its platforms or
on some, against the newest revisions of everything upstream, and holds the tests
against what they last did without it. Nothing in the tree is touched, and no
baseline of the farm moves.

PROJECT is the farm's name for it, by default that of the tree's directory. The
farm gets one patch, for the newest commit that a remote has; --base names
another one that the farm can get.

Waits for the builds, unless --detach says otherwise, and exits with 1 if one of
them has a test that was fine before, or did not get to its tests.

It needs a token with the right build; see weir token --help.`,
		Example: "  weir try\n  weir try attrs --platform linux/arm64 --platform darwin/arm64\n  weir try attrs --job test --detach",
		Args:    cobra.MaximumNArgs(1),
	}
	server := console.ServerFlag(c)
	connect := console.AdminClient(c, server)
	dir := c.Flags().String("dir", ".", "the working tree")
	base := c.Flags().String("base", "", "commit that the change is for (default: the newest one that a remote has)")
	jobs := c.Flags().StringSlice("job", nil, "only this job; may be repeated")
	platforms := c.Flags().StringSlice("platform", nil, "only this platform; may be repeated")
	reason := c.Flags().String("reason", "", "one line for people")
	detach := c.Flags().Bool("detach", false, "do not wait for the builds")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := connect()
		if err != nil {
			return err
		}
		change, err := worktree.Look(c.Context(), *dir, *base)
		if err != nil {
			return err
		}
		if len(change.Patch) == 0 {
			return weir.Errorf(weir.Conflict, "nothing in %s differs from %s, which a remote has", change.Root, weir.ShortRevision(change.Base)).
				WithHint("the farm builds what is pushed by itself")
		}
		ask := client.Try{Project: filepath.Base(change.Root), Base: change.Base, Patch: change.Patch, Jobs: *jobs, Reason: *reason}
		if len(args) > 0 {
			ask.Project = args[0]
		}
		for _, p := range *platforms {
			ask.Platforms = append(ask.Platforms, weir.Platform(p))
		}
		out, err := farm.Try(c.Context(), ask)
		if err != nil {
			return err
		}
		w := c.OutOrStdout()
		fmt.Fprintf(w, "run %d: %s with %s changed, %s on %s\n", out.Run, show.Safe(ask.Project), show.Plural(len(change.Files), "file", "files"),
			show.Plural(len(out.Builds), "build", "builds"), weir.ShortRevision(change.Base))
		if *detach {
			for _, id := range out.Builds {
				fmt.Fprintf(w, "  %s/builds/%d\n", strings.TrimSuffix(server(), "/"), id)
			}
			return nil
		}
		return follow(c.Context(), w, farm, out.Builds)
	}
	return c
}

// look is how often builds are asked for while nothing is heard of them.
const look = 10 * time.Second

// follow waits for builds, says how each one ended, and ends with bad news if one
// of them made something worse.
func follow(ctx context.Context, w io.Writer, farm *client.Client, ids []weir.BuildID) error {
	open := slices.Clone(ids)
	bad := false
	last, err := farm.LastEvent(ctx)
	if err != nil {
		return err
	}
	check := func() error {
		for _, id := range slices.Clone(open) {
			d, err := farm.Build(ctx, id)
			if err != nil {
				return err
			}
			if !d.Build.State.Final() || d.Build.Judgement == weir.Unjudged {
				continue
			}
			open = slices.DeleteFunc(open, func(other weir.BuildID) bool { return other == id })
			bad = report(w, d) || bad
		}
		return nil
	}
	if err := check(); err != nil {
		return err
	}
	if len(open) > 0 {
		if err := await(ctx, farm, last, &open, check); err != nil {
			return err
		}
	}
	if bad {
		return console.ErrBadNews
	}
	return nil
}

// await checks whenever something has happened to a build since the event after,
// until none is open.
func await(ctx context.Context, farm *client.Client, after int64, open *[]weir.BuildID, check func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	happened := make(chan error, 1)
	go func() {
		for e, err := range farm.FollowEvents(ctx, after) {
			if err == nil && e.Kind != weir.EventBuild {
				continue
			}
			select {
			case happened <- err:
			case <-ctx.Done():
				return
			default: // there is a check to come anyway
			}
		}
	}()
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case err := <-happened:
			if err != nil {
				return err
			}
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := check(); err != nil {
			return err
		}
		if len(*open) == 0 {
			return nil
		}
	}
}

// maxShown is how many changed tests of one build are listed.
const maxShown = 30

// report prints how a build ended, and says whether that is bad news: something
// is worse than without the change, or nothing is known.
func report(w io.Writer, d client.BuildDetail) bool {
	b := d.Build
	fmt.Fprintf(w, "%s  %s", show.Safe(b.Builder.Name()), b.Outcome)
	if b.Reason.Text != "" && b.Outcome != weir.Passed {
		fmt.Fprint(w, console.ReasonText(b.Reason))
	}
	if n := b.Counts.Total(); n > 0 {
		fmt.Fprintf(w, "; %s, %d bad", show.Plural(n, "test", "tests"), b.Counts.Bad())
	}
	worse := b.Changes.Worse()
	switch {
	case worse > 0:
		fmt.Fprintf(w, "; %d worse than without the change", worse)
	case b.Outcome == weir.Failed && b.Cause.Guest():
		fmt.Fprint(w, "; none of it is new")
	}
	fmt.Fprintf(w, "  (build %d)\n", b.ID)
	for i, change := range d.Changes {
		if i == maxShown {
			fmt.Fprintf(w, "    and %d more\n", len(d.Changes)-i)
			break
		}
		message, _, _ := strings.Cut(change.Message, "\n")
		fmt.Fprintf(w, "    %s  %s", change.Verdict, show.Safe(change.Test.String()))
		if message != "" && change.Verdict.Worse() {
			fmt.Fprintf(w, "\n        %s", show.Clip(show.Safe(message), 200))
		}
		fmt.Fprintln(w)
	}
	switch b.Outcome {
	case weir.Passed, weir.Skipped:
		return worse > 0
	case weir.Failed: // what was bad before, without the change, is no news
		return !b.Cause.Guest() || worse > 0 || b.Judgement != weir.Answering || b.Counts.Total() == 0
	}
	return true
}
