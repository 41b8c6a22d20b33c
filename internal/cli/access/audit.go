package access

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

// maxActs limits how many acts are asked for at once.
const maxActs = 1000

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "who changed what on a farm, and from where",
		Long: `List what people and programs did to a farm, newest first: on its pages, by the REST
API, on the server's command line, and through webhooks. What was refused is in the
list too, with the reason. Acts are kept for 400 days.

It needs a token with the right admin; see weir token --help.`,
		Example: "  weir audit\n  weir audit --who ann --verb cancel\n  weir audit --on 'build 41'",
		Args:    cobra.NoArgs,
	}
	farm := console.AdminFlags(c)
	var q client.ActQuery
	c.Flags().StringVar(&q.Who, "who", "", "only what this person or token did")
	c.Flags().StringVar(&q.Verb, "verb", "", "only this operation, such as cancel")
	c.Flags().StringVar(&q.On, "on", "", "only what was done to this, such as 'build 41'")
	c.Flags().Int64Var(&q.Before, "before", 0, "only acts with lower numbers, to read on")
	c.Flags().IntVarP(&q.Limit, "limit", "n", 30, "how many, at most 1000")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if q.Limit < 1 || q.Limit > maxActs {
			return console.Usage(fmt.Errorf("--limit is %d, it must be 1 to %d", q.Limit, maxActs))
		}
		farm, err := farm()
		if err != nil {
			return err
		}
		list, err := farm.Audit(c.Context(), q)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "nothing of that kind was done")
			return nil
		}
		if err := acts(c.OutOrStdout(), list); err != nil {
			return err
		}
		if len(list) == q.Limit {
			fmt.Fprintf(c.ErrOrStderr(), "to read on: --before %d\n", list[len(list)-1].ID)
		}
		return nil
	}
	return c
}

// acts prints a table of acts.
func acts(w io.Writer, list []client.Act) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "WHEN\tWHO\tFROM\tDID\tON\tNOTE")
	for _, a := range list {
		from := a.Via
		if a.From != "" {
			from += " " + a.From
		}
		note := show.Safe(a.Note)
		if a.Error != "" {
			note = "refused: " + show.Safe(a.Error) + " " + note
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", a.At.UTC().Format(time.RFC3339), dash(show.Safe(a.Who)), show.Safe(from), show.Safe(a.Verb), dash(show.Safe(a.On)), note)
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
