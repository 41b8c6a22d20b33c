package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

func newForce() *cobra.Command {
	c := &cobra.Command{
		Use:   "force PROJECT",
		Short: "build a project now",
		Long: `Build the newest known revisions of a project and of everything upstream of
it now, whether or not they were built before. With --count each builder gets
so many builds of its own, to hunt a flaky test or to load a farm. What the jobs
want to know is given with --param; their recipe says what there is.

It needs a token with the right build; see weir token --help.`,
		Example: "  weir force hello\n  weir force hello --job test --reason \"is it flaky?\" --count 20\n  weir force site --job deploy --param target=staging",
		Args:    cobra.ExactArgs(1),
	}
	farm := console.AdminFlags(c)
	job := c.Flags().String("job", "", "only this job (default: all)")
	reason := c.Flags().String("reason", "", "one line for people")
	count := c.Flags().Int("count", 1, "how many builds of each job and platform, at most 1000")
	params := c.Flags().StringArray("param", nil, "value of a parameter: `NAME=VALUE`; may be repeated")
	c.RunE = func(c *cobra.Command, args []string) error {
		chosen, err := parameters(*params)
		if err != nil {
			return err
		}
		if *count < 1 || *count > 1000 {
			return console.Usage(fmt.Errorf("--count is %d, it must be 1 to 1000", *count))
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		out, err := farm.Force(c.Context(), client.Force{Project: args[0], Job: *job, Reason: *reason, Count: *count, Params: chosen})
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "run %d: %s%s\n", out.Run, show.Plural(len(out.Builds), "build", "builds"), console.Numbers(out.Builds))
		return nil
	}
	return c
}

// parameters reads NAME=VALUE.
func parameters(list []string) (map[string]string, error) {
	chosen := map[string]string{}
	for _, text := range list {
		name, value, ok := strings.Cut(text, "=")
		if _, twice := chosen[name]; !ok || name == "" || twice {
			return nil, console.Usage(fmt.Errorf("--param %.80q must be NAME=VALUE, and each name stand once", text))
		}
		chosen[name] = value
	}
	return chosen, nil
}

func newCancel() *cobra.Command {
	c := &cobra.Command{
		Use:   "cancel BUILD",
		Short: "end a build that waits or runs",
		Long: `Cancel a build that is not over, and the builds that need its product. The
worker that runs it stops it within seconds.

It needs a token with the right build; see weir token --help.`,
		Example: "  weir cancel 41\n  weir cancel 41 --reason \"wrong branch\"",
		Args:    cobra.ExactArgs(1),
	}
	farm := console.AdminFlags(c)
	reason := c.Flags().String("reason", "", "one line for people")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := console.ParseID(args[0], "build")
		if err != nil {
			return err
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		if err := farm.Cancel(c.Context(), weir.BuildID(id), *reason); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "build %d is cancelled\n", id)
		return nil
	}
	return c
}

func newWorkers() *cobra.Command {
	c := &cobra.Command{
		Use:   "workers",
		Short: "list, pause, resume and forget workers",
		Long: `List the workers of a farm, or say what becomes of one. A paused worker ends
what it runs and gets nothing more until it is resumed. Resuming also ends a
quarantine: a worker whose builds fail for the worker's own fault, three times
in a row, gets nothing for a minute, and longer each time. One that is resting
takes nothing by a rule of its owner's, which only its owner can change.

Listing is open to everybody; the other verbs need a token with the right
fleet, see weir token --help.`,
		Example: "  weir workers\n  weir workers pause alices-laptop --reason \"new disk\"\n" +
			"  weir workers resume alices-laptop\n  weir workers forget alices-laptop",
		Args: console.Subcommands,

		SuggestionsMinimumDistance: 2,
	}
	list := listWorkers()
	server := console.ServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return showWorkers(c, server()) }
	c.AddCommand(list,
		workerVerb("pause NAME", "give a worker nothing more", "  weir workers pause alices-laptop --reason \"new disk\"",
			func(c *cobra.Command) func(*client.Client, string) (string, error) {
				reason := c.Flags().String("reason", "", "why, for those who find it paused (needed)")
				return func(farm *client.Client, name string) (string, error) {
					if strings.TrimSpace(*reason) == "" {
						return "", console.UsageHint(fmt.Errorf("--reason is missing: say why, for those who find the worker paused"), console.SeeHelp(c))
					}
					return "is paused", farm.PauseWorker(c.Context(), name, *reason)
				}
			}),
		workerVerb("resume NAME", "let a paused or quarantined worker have work again", "  weir workers resume alices-laptop",
			func(c *cobra.Command) func(*client.Client, string) (string, error) {
				return func(farm *client.Client, name string) (string, error) {
					return "may have work again", farm.ResumeWorker(c.Context(), name)
				}
			}),
		workerVerb("forget NAME", "remove a worker that is gone from the list", "  weir workers forget alices-laptop",
			func(c *cobra.Command) func(*client.Client, string) (string, error) {
				return func(farm *client.Client, name string) (string, error) {
					return "is forgotten", farm.ForgetWorker(c.Context(), name)
				}
			}))
	return c
}

func listWorkers() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "list workers and what can be expected of them", Args: cobra.NoArgs,
		Example: "  weir workers list"}
	server := console.ServerFlag(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return showWorkers(c, server()) }
	return c
}

// workerVerb makes a verb that does something with one worker. add adds its
// flags and returns what it does.
func workerVerb(use, short, example string, add func(*cobra.Command) func(*client.Client, string) (string, error)) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Example: example, Args: cobra.ExactArgs(1)}
	farm := console.AdminFlags(c)
	act := add(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := farm()
		if err != nil {
			return err
		}
		done, err := act(farm, args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "worker %s %s\n", args[0], done)
		return nil
	}
	return c
}

func showWorkers(c *cobra.Command, server string) error {
	token, err := console.ReadToken("WEIR_ADMIN_TOKEN", "")
	if err != nil {
		return err
	}
	farm, err := client.New(server, nil)
	if err != nil {
		return err
	}
	list, err := farm.WithToken(token).Workers(c.Context())
	if err != nil {
		return err
	}
	if len(list) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "no worker has said hello yet: start one with weir worker, or use weir up")
		return nil
	}
	return show.Workers(c.OutOrStdout(), list, time.Now())
}
