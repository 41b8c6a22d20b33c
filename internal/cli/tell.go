package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/demo"
)

func contextWithCancel(c *cobra.Command) (context.Context, context.CancelFunc) {
	return context.WithCancel(c.Context())
}

// tell plays the demo's story and prints its end.
func tell(ctx context.Context, out io.Writer, show *demo.Show) error {
	if err := show.Play(ctx); err != nil {
		return err
	}
	show.Screen.Close()
	found, err := show.Farm.Regressions(ctx, true)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nWho broke what:\n\n")
	demo.Table(out, found)
	differences := show.Verify(found)
	if len(differences) == 0 {
		fmt.Fprintf(out, "\nEvery planted culprit was found, and nobody else was accused.\n")
		return nil
	}
	fmt.Fprintln(out, "\nThis is not what was planted:")
	for _, d := range differences {
		fmt.Fprintln(out, "  "+d.What)
	}
	return console.ErrBadNews
}
