package access

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/recipe"
)

// signIn is the verb that lets somebody into the pages.
func signIn() *cobra.Command {
	c := &cobra.Command{
		Use:   "signin [NAME]",
		Short: "make a link that signs somebody in on the pages, once",
		Long: `Print an address that works once, for an hour: whoever opens it in a browser may
do there what an admin may, for 30 days. What they do is noted under NAME (admin, if
none is given); see weir audit.

This verb opens the farm's database directly, so run it where the server runs.
weir token list shows who is signed in, and weir token revoke ends it.`,
		Example: "  weir signin ann\n  weir signin ann --file farms/python.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	open := databaseOf(c)
	server := c.Flags().String("server", "", "address of the pages (default: what the farm file says)")
	c.RunE = func(c *cobra.Command, args []string) error {
		return open(c, func(db app.Tokens, farm *recipe.Farm) error {
			name := Admin
			if len(args) > 0 {
				name = args[0]
			}
			link, err := Link(c.Context(), db, strings.TrimSuffix(cmp.Or(*server, farm.URL, console.LocalURL(farm.Listen)), "/"), name, "")
			if err == nil {
				fmt.Fprintln(c.OutOrStdout(), link)
			}
			return err
		})
	}
	return c
}

// Admin is who signs in if nobody says who.
const Admin = "admin"

// Link makes a link that lets somebody sign in once, under a name. That it was
// made is in the audit, with a note.
func Link(ctx context.Context, db app.Tokens, url, name, note string) (string, error) {
	link, err := app.SignInLink(ctx, db, url, name)
	if note == "" {
		note = "a link for " + name
	}
	record(ctx, db, "signin.link", "", note, err)
	return link, err
}
