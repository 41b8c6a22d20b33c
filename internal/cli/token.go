package cli

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/store"
)

func newToken() *cobra.Command {
	c := &cobra.Command{
		Use:   "token",
		Short: "make, list and revoke the tokens of workers and admins",
		Long: `Manage the tokens with which workers on other machines, and admins, prove who
they are. A worker's token lets a machine run builds and nothing else; an
admin's (--admin) lets its holder force and cancel builds and pause workers.
These verbs open the farm's database directly, so run them where the server
runs; the server need not be running. A token is shown once, when it is made;
only a hash of it is kept.`,
		Example: "  weir token add alices-laptop --owner alice@example.org\n  weir token add alice --admin\n" +
			"  weir token list\n  weir token revoke alices-laptop",
		Args: console.Subcommands,

		SuggestionsMinimumDistance: 2,
		RunE: func(*cobra.Command, []string) error {
			return console.UsageHint(fmt.Errorf("token what: add, list or revoke?"), "see weir token --help")
		},
	}
	file := c.PersistentFlags().StringP("file", "f", recipe.FileName, "the farm file")
	open := func(c *cobra.Command, use func(db app.Tokens) error) error {
		farm, err := console.LoadFarm(c, []string{*file})
		if err != nil {
			return err
		}
		db, err := app.OpenStore(c.Context(), farm)
		if err != nil {
			return err
		}
		defer db.Close()
		return use(db)
	}
	c.AddCommand(addToken(open),
		&cobra.Command{Use: "list", Short: "list the tokens, without their secrets", Args: cobra.NoArgs,
			Example: "  weir token list",
			RunE: func(c *cobra.Command, _ []string) error {
				return open(c, func(db app.Tokens) error {
					list, err := db.Tokens(c.Context())
					for _, t := range list {
						line := fmt.Sprintf("%s\tmade %s", t.Name, t.Created.Format("2006-01-02"))
						switch t.Scope {
						case store.ScopeAdmin:
							line += "\tadmin"
						case store.ScopeWeb:
							line += "\tsigned in until " + t.Expires.Format("2006-01-02")
						case store.ScopeSignIn:
							line += "\tlink to sign in, until " + t.Expires.Format("2006-01-02 15:04 MST")
						}
						if t.Owner != "" {
							line += "\towner " + show.Safe(t.Owner)
						}
						fmt.Fprintln(c.OutOrStdout(), line)
					}
					return err
				})
			}},
		&cobra.Command{Use: "revoke NAME", Short: "make a token useless at once", Args: cobra.ExactArgs(1),
			Example: "  weir token revoke alices-laptop",
			RunE: func(c *cobra.Command, args []string) error {
				return open(c, func(db app.Tokens) error {
					err := db.RevokeToken(c.Context(), args[0])
					if err == nil {
						fmt.Fprintf(c.OutOrStdout(), "the token of %s is revoked\n", args[0])
					}
					return err
				})
			}})
	return c
}

// newSignIn is the verb that lets somebody into the pages.
func newSignIn() *cobra.Command {
	c := &cobra.Command{
		Use:   "signin [NAME]",
		Short: "make a link that signs somebody in on the pages, once",
		Long: `Print an address that works once, for an hour: whoever opens it in a browser may
force, repeat and cancel builds and approve pull requests there for 30 days. What
they do is noted under NAME (admin, if none is given).

This verb opens the farm's database directly, so run it where the server runs.
weir token list shows who is signed in, and weir token revoke ends it.`,
		Example: "  weir signin ann\n  weir signin ann --file farms/python.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	file := c.Flags().StringP("file", "f", recipe.FileName, "the farm file")
	server := c.Flags().String("server", "", "address of the pages (default: what the farm file says)")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := console.LoadFarm(c, []string{*file})
		if err != nil {
			return err
		}
		db, err := app.OpenStore(c.Context(), farm)
		if err != nil {
			return err
		}
		defer db.Close()
		name := "admin"
		if len(args) > 0 {
			name = args[0]
		}
		link, err := app.SignInLink(c.Context(), db, strings.TrimSuffix(cmp.Or(*server, farm.URL, console.LocalURL(farm.Listen)), "/"), name)
		if err == nil {
			fmt.Fprintln(c.OutOrStdout(), link)
		}
		return err
	}
	return c
}

// addToken is the verb that makes a token.
func addToken(open func(*cobra.Command, func(app.Tokens) error) error) *cobra.Command {
	c := &cobra.Command{Use: "add NAME", Short: "make a token for the worker or the admin of that name", Args: cobra.ExactArgs(1),
		Example: "  weir token add alices-laptop --owner alice@example.org\n  weir token add alice --admin"}
	admin := c.Flags().Bool("admin", false, "make a token that changes the farm's state, not a worker's")
	owner := c.Flags().String("owner", "", "`MAIL` address of who lends the worker: told when it stays away")
	c.RunE = func(c *cobra.Command, args []string) error {
		scope := store.ScopeWorker
		if *admin {
			scope = store.ScopeAdmin
		}
		return open(c, func(db app.Tokens) error {
			secret, err := app.AddToken(c.Context(), db, store.Token{Name: args[0], Scope: scope, Owner: *owner})
			if err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), secret)
			if *admin {
				fmt.Fprintf(c.ErrOrStderr(), "the token of the admin %s; it is not shown again. To use it:\n"+
					"  WEIR_ADMIN_TOKEN=... weir force PROJECT --server ADDRESS\n", args[0])
				return nil
			}
			fmt.Fprintf(c.ErrOrStderr(), "the token of %s; it is not shown again. On the worker's machine:\n"+
				"  WEIR_TOKEN=... weir worker --server ADDRESS\n", args[0])
			return nil
		})
	}
	return c
}
