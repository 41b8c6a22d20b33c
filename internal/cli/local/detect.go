package local

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/detect"
	"github.com/weir-ci/weir/internal/detect/render"
)

// Detect is the verb weir detect.
func Detect() *cobra.Command {
	c := &cobra.Command{
		Use:   "detect [DIR]",
		Short: "find out how a repository is tested, and print that as a recipe",
		Long: `Look at the files of a repository (here, if none is named), and print the
recipe that follows from them, as the file .weir.yaml, with the reasons. Nothing
is run, and nothing is written.

A farm does the same for projects without a recipe. Run what was found with:
weir run. Exits with 1 if nothing was recognised.`,
		Example: "  weir detect\n  weir detect ../attrs > ../attrs/.weir.yaml",
		Args:    cobra.MaximumNArgs(1),
	}
	installed := c.Flags().Bool("installed", false, "fetch nothing: what the tests need is installed on the machine")
	c.RunE = func(c *cobra.Command, args []string) error {
		dir := "."
		if len(args) > 0 {
			dir = args[0]
		}
		jobs, reasons, err := detectIn(dir, detect.Options{Installed: *installed})
		if err != nil {
			for _, r := range reasons {
				fmt.Fprintf(c.ErrOrStderr(), "%s: %s\n", show.Safe(r.File), show.Safe(r.Text))
			}
			return err
		}
		data, err := render.YAML(jobs, explain(reasons))
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write(data)
		return err
	}
	return c
}

// detectIn finds out how what lies in a directory is tested.
func detectIn(dir string, o detect.Options) ([]weir.Job, []detect.Reason, error) {
	root, err := openDir(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	return o.Project(detect.FS(root.FS()))
}

// openDir opens a directory in such a way that no link leads out of it.
func openDir(dir string) (*os.Root, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, weir.Errorf(weir.Invalid, "%s is not a directory", show.Safe(dir)).WithCause(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "%s cannot be opened", show.Safe(dir)).WithCause(err)
	}
	return root, nil
}

// explain turns reasons into comments.
func explain(reasons []detect.Reason) render.Comments {
	c := render.Comments{Jobs: map[string][]string{}, Head: []string{
		"Detected by weir detect. Save it as .weir.yaml at the top of the repository to",
		"keep and change it; try it with: weir run"}}
	for _, r := range reasons {
		line := r.File + ": " + r.Text
		if r.Job == "" {
			c.Foot = append(c.Foot, line)
		} else {
			c.Jobs[r.Job] = append(c.Jobs[r.Job], line)
		}
	}
	if len(c.Foot) > 0 {
		c.Foot = append([]string{"Also seen:"}, c.Foot...)
	}
	return c
}
