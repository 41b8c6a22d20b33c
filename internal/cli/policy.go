package cli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/recipe"
)

// checkPolicy says what the policy of a worker allows, and whether it would rest now.
func checkPolicy(c *cobra.Command, path, dir string) error {
	if path == "" {
		return console.UsageHint(errors.New("--check needs a policy to check"), "name it with --policy FILE or in WEIR_POLICY")
	}
	now := time.Now()
	state, err := app.CheckPolicy(path, dir, now)
	if err != nil {
		return badPolicy(c, path, err)
	}
	out := c.OutOrStdout()
	if len(state.Sentences) == 0 {
		fmt.Fprintln(out, "everything may run, at any time")
		return nil
	}
	for _, s := range state.Sentences {
		fmt.Fprintln(out, s)
	}
	switch rest := state.Rest; {
	case rest.Rule == "":
		fmt.Fprintln(out, "\nnow: a build may begin")
	case rest.Until.IsZero():
		fmt.Fprintf(out, "\nnow: no build may begin: %s\n", rest.Text)
	default:
		fmt.Fprintf(out, "\nnow: no build may begin before %s\n", rest.Until.In(now.Location()).Format("Mon 2006-01-02 15:04 MST"))
	}
	return nil
}

// badPolicy prints what is wrong with a policy, if that is what an error says.
func badPolicy(c *cobra.Command, path string, err error) error {
	if problems, ok := errors.AsType[recipe.Problems](err); ok {
		return console.ShowProblems(c.ErrOrStderr(), show.Safe(path), problems)
	}
	return err
}
