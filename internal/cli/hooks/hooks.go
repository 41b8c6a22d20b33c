// Package hooks is about telling a farm that there is something new: the verb
// hook prints the scripts that repositories run after a push, and the verb change
// does by hand what they do.
package hooks

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
)

var (
	//go:embed scripts/common.sh
	common string
	//go:embed scripts/git.sh
	git string
	//go:embed scripts/hg.sh
	hg string
	//go:embed scripts/svn.sh
	svn string
)

// DefaultSecretFile is where scripts look for the farm's secret.
const DefaultSecretFile = "/etc/weir/hook-secret"

// Command makes the verb hook.
func Command() *cobra.Command {
	c := &cobra.Command{
		Use:   "hook",
		Short: "print a hook that tells the farm of pushes",
		Long: `Print a script that a repository of your own runs after each push or commit, so
that the farm looks at it at once and not only when it polls. The scripts need a
POSIX shell and curl, never fail, and never delay a push.

The farm takes what they post if its farm file has a secret for it:

  secrets: {HOOK: {file: /etc/weir/hook-secret}}
  hooks: {generic: {secret: HOOK}}

Forges such as GitHub, GitLab, Gitea, Forgejo and Bitbucket post webhooks of their
own and need no script; see docs/webhooks.md.`,
		Example: "  weir hook git --server https://weir.example.org --project hello > /srv/git/hello.git/hooks/post-receive",
		Args:    console.Subcommands,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },

		SuggestionsMinimumDistance: 2,
	}
	c.AddCommand(
		script("git", "print a post-receive hook for git", git),
		script("hg", "print a changegroup hook for Mercurial", hg),
		script("svn", "print a post-commit hook for Subversion", svn))
	return c
}

func script(name, short, text string) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short, Args: cobra.NoArgs,
		Long:    strings.ToUpper(short[:1]) + short[1:] + ". The script says where it belongs.",
		Example: "  weir hook " + name + " --server https://weir.example.org --project hello"}
	server := console.ServerFlag(c)
	project := c.Flags().String("project", "", "name of the project on the farm (needed)")
	secret := c.Flags().String("secret-file", DefaultSecretFile, "where the secret is, on the machine that runs the hook")
	c.RunE = func(c *cobra.Command, _ []string) error {
		if !weir.ValidName(*project) {
			return console.UsageHint(fmt.Errorf("--project is %.80q, which cannot name a project", *project), console.SeeHelp(c))
		}
		out, err := Script(text, server(), *project, *secret)
		if err != nil {
			return console.Usage(err)
		}
		_, err = fmt.Fprint(c.OutOrStdout(), out)
		return err
	}
	return c
}

// Script fills in what a script of this package needs to know.
func Script(text, server, project, secretFile string) (string, error) {
	u, err := url.Parse(server)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return "", fmt.Errorf("--server is %.200q, which is not an address like https://weir.example.org", server)
	}
	for _, s := range []string{server, secretFile} {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return "", fmt.Errorf("%.200q is empty or holds control characters", s)
		}
	}
	shared := strings.NewReplacer("@SECRET@", quote(secretFile), "@SERVER@", quote(strings.TrimRight(server, "/")), "@PROJECT@", quote(project)).Replace(common)
	return strings.Replace(text, "@COMMON@\n", shared, 1), nil
}

// quote makes one word of a shell out of s.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// Change makes the verb change.
func Change() *cobra.Command {
	c := &cobra.Command{
		Use:   "change PROJECT",
		Short: "look at a project's source now",
		Long: `Tell the farm that the source of a project has something new. It is looked at
now and not only at the next poll; what is new there is built as after any change.

It needs a token with the right change; see weir token --help. What a repository or a forge can do
by itself after each push is in docs/webhooks.md.`,
		Example: "  weir change hello\n  weir change hello --branch release/1.x",
		Args:    cobra.ExactArgs(1),
	}
	farm := console.AdminFlags(c)
	branch := c.Flags().String("branch", "", "only this branch (default: all that are followed)")
	c.RunE = func(c *cobra.Command, args []string) error {
		farm, err := farm()
		if err != nil {
			return err
		}
		if err := farm.Change(c.Context(), args[0], *branch); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "the source of %s is looked at now\n", args[0])
		return nil
	}
	return c
}
