// Package access is the verbs about who may do what: token and signin, which open
// the farm's database directly, and audit, which asks the server.
package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/user"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/farm/access"
	"github.com/weir-ci/weir/internal/farm/audit"
	"github.com/weir-ci/weir/internal/recipe"
)

// Commands lists the verbs.
func Commands() []*cobra.Command { return []*cobra.Command{token(), signIn(), auditCommand()} }

// database opens the farm's database, and uses it.
type database func(c *cobra.Command, use func(db app.Tokens, farm *recipe.Farm) error) error

// databaseOf adds --file to a verb and its subverbs, and returns how to open what it names.
func databaseOf(c *cobra.Command) database {
	file := c.PersistentFlags().StringP("file", "f", recipe.FileName, "the farm file")
	return func(c *cobra.Command, use func(db app.Tokens, farm *recipe.Farm) error) error {
		farm, err := console.LoadFarm(c, []string{*file})
		if err != nil {
			return err
		}
		db, err := app.OpenStore(c.Context(), farm)
		if err != nil {
			return err
		}
		defer db.Close()
		return use(db, farm)
	}
}

// record notes in the farm's audit what was done on this machine, and by whose account.
func record(ctx context.Context, db app.Tokens, verb, on, note string, err error) {
	var who string
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	audit.New(audit.Options{Store: db}).Record(ctx, audit.Act{Who: who, Via: audit.ViaCommand, Verb: verb, On: on, Note: note, Code: audit.Code(err)})
}

func token() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "make, list and revoke the tokens of workers, programs and admins",
		Long: `Manage the tokens with which workers on other machines, programs and admins prove
who they are. A worker's token lets a machine run builds and nothing else. One with
rights (--right) lets a program do what those say by the REST API; an admin's
(--admin) has all of them:

` + rightsTable() + `
These verbs open the farm's database directly, so run them where the server
runs; the server need not be running. A token is shown once, when it is made;
only a hash of it is kept.`,
		Example: "  weir token add alices-laptop --owner alice@example.org\n  weir token add ci --right build,change --expires 90d\n" +
			"  weir token add alice --admin --expires 2027-01-31\n  weir token list\n  weir token revoke alices-laptop",
		Args: console.Subcommands,

		SuggestionsMinimumDistance: 2,
		RunE: func(*cobra.Command, []string) error {
			return console.UsageHint(fmt.Errorf("token what: add, list or revoke?"), "see weir token --help")
		},
	}
	open := databaseOf(c)
	c.AddCommand(addToken(open),
		&cobra.Command{Use: "list", Short: "list the tokens, without their secrets", Args: cobra.NoArgs,
			Example: "  weir token list",
			RunE: func(c *cobra.Command, _ []string) error {
				return open(c, func(db app.Tokens, _ *recipe.Farm) error {
					list, err := db.Tokens(c.Context())
					if err != nil || len(list) == 0 {
						return err
					}
					return tokens(c.OutOrStdout(), list, time.Now())
				})
			}},
		&cobra.Command{Use: "revoke NAME", Short: "make a token useless, within a second", Args: cobra.ExactArgs(1),
			Example: "  weir token revoke alices-laptop",
			RunE: func(c *cobra.Command, args []string) error {
				return open(c, func(db app.Tokens, _ *recipe.Farm) error {
					err := db.RevokeToken(c.Context(), args[0])
					record(c.Context(), db, "token.revoke", "token "+args[0], "", err)
					if err == nil {
						fmt.Fprintf(c.OutOrStdout(), "the token of %s is revoked\n", args[0])
					}
					return err
				})
			}})
	return c
}

// rightsTable explains the rights.
func rightsTable() string {
	var b strings.Builder
	for _, r := range access.Rights() {
		fmt.Fprintf(&b, "  %-8s %s\n", r, access.Means(r))
	}
	return b.String()
}

// tokens prints a table of tokens.
func tokens(w io.Writer, list []access.Token, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "NAME\tIS\tRIGHTS\tMADE\tEXPIRES\tOWNER")
	for _, k := range list {
		expires := "never"
		if !k.Expires.IsZero() {
			expires = k.Expires.UTC().Format("2006-01-02 15:04 MST")
		}
		if k.Expired(now) {
			expires += " (over)"
		}
		kind, rights := access.Describe(k)
		if rights == "" {
			rights = "-"
		}
		owner := "-"
		if k.Owner != "" {
			owner = show.Safe(k.Owner)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", show.Safe(k.Name), kind, rights, k.Created.UTC().Format("2006-01-02"), expires, owner)
	}
	return t.Flush()
}

// addToken is the verb that makes a token.
func addToken(open database) *cobra.Command {
	c := &cobra.Command{Use: "add NAME", Short: "make a token for the worker, the program or the admin of that name", Args: cobra.ExactArgs(1),
		Example: "  weir token add alices-laptop --owner alice@example.org\n  weir token add ci --right build,change --expires 90d\n  weir token add alice --admin"}
	admin := c.Flags().Bool("admin", false, "make a token with all rights, not a worker's")
	rights := c.Flags().StringSlice("right", nil, "make a token with these `RIGHTS`, not a worker's: "+access.Words(access.Rights()))
	expires := c.Flags().String("expires", "", "`WHEN` it stops working: 30d, 12h, or a day such as 2027-01-31 (default: never)")
	owner := c.Flags().String("owner", "", "`MAIL` address of who lends the worker: told when it stays away")
	c.RunE = func(c *cobra.Command, args []string) error {
		t := access.Token{Name: args[0], Scope: access.ScopeWorker, Owner: *owner}
		var err error
		switch {
		case *admin && len(*rights) > 0:
			return console.UsageHint(fmt.Errorf("--admin has all rights: say it, or --right"), console.SeeHelp(c))
		case *admin:
			t.Scope = access.ScopeAdmin
		case c.Flags().Changed("right"):
			t.Scope = access.ScopeAPI
			if t.Rights, err = access.ParseRights(strings.Join(*rights, ",")); err != nil {
				return usage(err)
			}
		}
		if t.Scope != access.ScopeWorker && *owner != "" {
			return console.UsageHint(fmt.Errorf("--owner is for workers only"), console.SeeHelp(c))
		}
		if t.Expires, err = expiry(*expires, time.Now()); err != nil {
			return err
		}
		return open(c, func(db app.Tokens, _ *recipe.Farm) error {
			secret, err := app.AddToken(c.Context(), db, t)
			kind, words := access.Describe(t)
			record(c.Context(), db, "token.add", "token "+t.Name, strings.TrimSuffix(kind+": "+words, ": "), err)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), secret)
			explain(c.ErrOrStderr(), t)
			return nil
		})
	}
	return c
}

// explain says what a new token is good for.
func explain(w io.Writer, t access.Token) {
	of, use := "of "+t.Name, "On the worker's machine:\n  WEIR_TOKEN=... weir worker --server ADDRESS"
	switch t.Scope {
	case access.ScopeAdmin:
		of, use = "of the admin "+t.Name, "To use it:\n  WEIR_ADMIN_TOKEN=... weir force PROJECT --server ADDRESS"
	case access.ScopeAPI:
		of = "of " + t.Name + " with the rights " + access.Words(t.Rights)
		use = "To use it:\n  WEIR_ADMIN_TOKEN=... weir api --server ADDRESS --list"
	}
	until := ""
	if !t.Expires.IsZero() {
		until = "it works until " + t.Expires.UTC().Format("2006-01-02 15:04 MST") + ", and "
	}
	fmt.Fprintf(w, "the token %s; %sit is not shown again. %s\n", of, until, use)
}

// usage makes a mistake on the command line of an error, with its hint.
func usage(err error) error {
	e := new(weir.Error)
	if errors.As(err, &e) {
		return console.UsageHint(errors.New(e.Message), e.Hint)
	}
	return console.Usage(err)
}

// maxDays limits for how long a token works that expires, in days.
const maxDays = 3660

// expiry reads when a token stops working: after a while, or at the end of a day.
// Empty: never.
func expiry(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	wrong := weir.Errorf(weir.Invalid, "--expires %.40q is no time to come", text).WithHint("write 30d, 12h, or the last day as 2027-01-31; at most ten years")
	at := time.Time{}
	if day, err := time.Parse("2006-01-02", text); err == nil {
		at = day.AddDate(0, 0, 1)
	} else if days, err := strconv.Atoi(strings.TrimSuffix(text, "d")); err == nil && strings.HasSuffix(text, "d") {
		if days > maxDays {
			return at, usage(wrong)
		}
		at = now.AddDate(0, 0, days)
	} else if d, err := time.ParseDuration(text); err == nil {
		at = now.Add(d)
	}
	if !at.After(now) || at.After(now.AddDate(0, 0, maxDays)) {
		return time.Time{}, usage(wrong)
	}
	return at.UTC().Truncate(time.Second), nil
}
