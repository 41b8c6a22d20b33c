// Package recipes holds the verbs for the files that people write: init, check
// and schema. None of them asks a server.
package recipes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/recipe/schema"
)

// Commands makes the verbs.
func Commands() []*cobra.Command {
	return []*cobra.Command{newInit(), newCheck(), newSchema()}
}

func newInit() *cobra.Command {
	c := &cobra.Command{
		Use:   "init [FILE]",
		Short: "write a commented weir.yaml",
		Long: `Write a farm file that teaches itself: an upstream, a downstream that is
tested against it, and every other key explained in comments. An existing
file is never overwritten.`,
		Example: "  weir init\n  weir init farms/python.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		path := recipe.FileName
		if len(args) > 0 {
			path = args[0]
		}
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return weir.Errorf(weir.Conflict, "%s exists already", path).
				WithHint("check it with: weir check %s", path)
		}
		if err != nil {
			return weir.Errorf(weir.Invalid, "%s cannot be written: %w", path, errors.Unwrap(err))
		}
		if _, err := f.WriteString(recipe.Template()); err != nil {
			f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		fmt.Fprintf(c.OutOrStdout(), "wrote %s\nedit it, then: weir check %s && weir up %s\n", path, path, path)
		return nil
	}
	return c
}

func newCheck() *cobra.Command {
	c := &cobra.Command{
		Use:   "check [FILE]",
		Short: "say everything that is wrong with a farm file or a recipe",
		Long: `Read a farm file (weir.yaml here, if none is named) and list every problem
with its line, the offending text and a hint, all at once. Nothing is
started and nothing outside the file is looked at.

A file called .weir.yaml is read as the recipe of a repository; without an
argument it is, if there is one here and no weir.yaml. What it uses of the
farm's, its secrets and locks, only the farm can check.`,
		Example: "  weir check\n  weir check examples/cpython/weir.yaml\n  weir check .weir.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		path := console.FarmFile(args)
		if len(args) == 0 && !exists(path) && exists(weir.RepositoryRecipe) {
			path = weir.RepositoryRecipe
		}
		if recipe.InRepository(path) {
			return checkRepository(c, path)
		}
		return checkFarm(c, path)
	}
	return c
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func checkFarm(c *cobra.Command, path string) error {
	farm, err := console.LoadFarm(c, []string{path})
	if err != nil {
		return err
	}
	plans := recipe.Expand(farm, console.HostPlatform())
	fmt.Fprintf(c.OutOrStdout(), "fine: %s, %s\n", show.Plural(len(farm.Projects), "project", "projects"),
		show.Plural(len(plans), "builder", "builders"))
	for _, p := range plans {
		line := "  " + p.Key.Name()
		if len(p.Upstreams) > 0 {
			line += "  against " + p.Key.Upstreams
		}
		fmt.Fprintln(c.OutOrStdout(), line)
	}
	for _, p := range farm.Projects {
		switch p.Recipe {
		case weir.RecipeRepository:
			fmt.Fprintf(c.OutOrStdout(), "  %s: jobs from %s in its repository\n", p.Name, weir.RepositoryRecipe)
		case weir.RecipeAuto:
			fmt.Fprintf(c.OutOrStdout(), "  %s: jobs from %s in its repository, or as detected\n", p.Name, weir.RepositoryRecipe)
		}
	}
	return nil
}

func checkRepository(c *cobra.Command, path string) error {
	jobs, problems, err := recipe.LoadRepository(path)
	if err != nil {
		if len(problems) > 0 {
			return console.ShowProblems(c.ErrOrStderr(), path, problems)
		}
		return err
	}
	if len(problems) > 0 {
		fmt.Fprint(c.ErrOrStderr(), problems.Format())
	}
	fmt.Fprintf(c.OutOrStdout(), "fine: %s\n", show.Plural(len(jobs), "job", "jobs"))
	for _, j := range jobs {
		for _, v := range j.Variants() {
			fmt.Fprintln(c.OutOrStdout(), strings.TrimRight("  "+j.Name+" "+v.Cell, " "))
		}
	}
	return nil
}

func newSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of farm files and recipes",
		Long: `Print the JSON Schema of weir.yaml and .weir.yaml, for editors that complete
and check them. A server has it at /schema/weir.json. In a file, say where it is:

  # yaml-language-server: $schema=https://weir.example.org/schema/weir.json`,
		Example: "  weir schema > weir.schema.json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			data, err := schema.JSON()
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(data)
			return err
		},
	}
}
