package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/detect/render"
	"github.com/weir-ci/weir/internal/importer"
	"github.com/weir-ci/weir/internal/importer/draft"
	"github.com/weir-ci/weir/internal/recipe"
)

// maxImport limits a file that is imported, in bytes.
const maxImport = 1 << 20

// Import is the verb weir import.
func Import() *cobra.Command {
	known := make([]string, 0, len(importer.Services()))
	for _, s := range importer.Services() {
		known = append(known, string(s))
	}
	c := &cobra.Command{
		Use:   "import [FILE|DIR...]",
		Short: "turn the files of other services into a recipe",
		Long: `Read workflows of GitHub Actions, GitLab CI, Travis and Woodpecker, and print
the recipe that does the same, as the file .weir.yaml. Of a directory (here, if
nothing is named) all files are read that it holds for one of those services.

What has no counterpart is left out, and listed with file, line and reason on the
standard error stream and at the end of the recipe. Read it before you use it.

Exit codes: 0 if there is a recipe, whatever was left out; 1 if nothing could be
taken over.`,
		Example: "  weir import > .weir.yaml\n  weir import .github/workflows/test.yml\n  weir import --service woodpecker ci.yml",
	}
	service := c.Flags().String("service", "", "whose file it is, if its name does not tell: "+strings.Join(known, ", "))
	c.RunE = func(c *cobra.Command, args []string) error {
		if *service != "" && !slices.Contains(known, *service) {
			return console.Usage(fmt.Errorf("--service %s: it is one of %s", show.Safe(*service), strings.Join(known, ", ")))
		}
		if len(args) == 0 {
			args = []string{"."}
		}
		var drafts []*draft.Draft
		for _, arg := range args {
			found, err := importFrom(arg, importer.Service(*service))
			if err != nil {
				return err
			}
			drafts = append(drafts, found...)
		}
		return tellImport(c, drafts)
	}
	return c
}

// importFrom imports a file, or what a directory holds.
func importFrom(arg string, service importer.Service) ([]*draft.Draft, error) {
	info, err := os.Stat(arg)
	if err != nil {
		return nil, weir.Errorf(weir.NotFound, "there is no file %s", show.Safe(arg)).WithCause(err)
	}
	files := []string{arg}
	if info.IsDir() {
		if files, err = servicesFiles(arg); err != nil {
			return nil, err
		}
	}
	var out []*draft.Draft
	for _, file := range files {
		s := service
		if s == "" {
			abs, err := filepath.Abs(file)
			if err != nil {
				return nil, err
			}
			var ok bool
			if s, ok = importer.Of(filepath.ToSlash(abs)); !ok {
				return nil, console.UsageHint(fmt.Errorf("the name of %s does not tell whose file it is", show.Safe(file)), "say so with --service")
			}
		}
		data, err := readLimited(file)
		if err != nil {
			return nil, err
		}
		out = append(out, importer.File(s, filepath.ToSlash(file), data))
	}
	return out, nil
}

// servicesFiles lists the files in a directory that belong to a service.
func servicesFiles(dir string) ([]string, error) {
	root, err := openDir(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	var out []string
	for _, pattern := range []string{".github/workflows/*", ".gitlab-ci.*", ".travis.*", ".woodpecker.*", ".woodpecker/*", ".drone.*"} {
		found, err := fs.Glob(root.FS(), pattern)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			if _, ok := importer.Of(path.Join("x", f)); ok {
				out = append(out, filepath.Join(dir, filepath.FromSlash(f)))
			}
		}
	}
	if len(out) == 0 {
		return nil, weir.Errorf(weir.NotFound, "%s holds no file of a service that is known", show.Safe(dir)).
			WithHint("weir detect finds a recipe without one")
	}
	return out, nil
}

func readLimited(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "%s cannot be read", show.Safe(file)).WithCause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxImport+1))
	switch {
	case err != nil:
		return nil, weir.Errorf(weir.Invalid, "%s cannot be read", show.Safe(file)).WithCause(err)
	case len(data) > maxImport:
		return nil, weir.Errorf(weir.TooLarge, "%s is larger than %d MiB", show.Safe(file), maxImport>>20)
	}
	return data, nil
}

// tellImport prints the recipe, and what is not in it.
func tellImport(c *cobra.Command, drafts []*draft.Draft) error {
	jobs, notes := importer.Join(drafts)
	for _, n := range notes {
		fmt.Fprintln(c.ErrOrStderr(), show.Safe(render.Located(n.File, n.Line, n.Text)))
	}
	if len(jobs) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "nothing could be taken over")
		return console.ErrBadNews
	}
	data, err := writeImport(jobs, drafts, notes)
	if err != nil {
		return err
	}
	if _, problems := recipe.ParseRepository(weir.RepositoryRecipe, data); problems.Err() != nil {
		return weir.Errorf(weir.Internal, "the recipe that was made is not valid").WithCause(errors.New(problems.Format()))
	}
	_, err = c.OutOrStdout().Write(data)
	return err
}

// writeImport writes what was imported, with what was left out at its end.
func writeImport(jobs []weir.Job, drafts []*draft.Draft, notes []draft.Note) ([]byte, error) {
	comments := render.Comments{}
	var from []string
	for _, d := range drafts {
		from = append(from, d.File)
	}
	comments.Head = []string{"Imported by weir import from " + strings.Join(from, ", ") + ".",
		"Add results to jobs that run tests, so that each test counts: docs/results.md says how."}
	if len(notes) > 0 {
		comments.Foot = append(comments.Foot, "Not taken over, or not as it was:")
	}
	for _, n := range notes {
		comments.Foot = append(comments.Foot, render.Located(n.File, n.Line, n.Text))
	}
	return render.YAML(jobs, comments)
}
