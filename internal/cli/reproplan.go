package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/app"
	"github.com/weir-ci/weir/internal/cli/show"
	"github.com/weir-ci/weir/internal/repro"
)

// printPlan shows all that a case would run and write on this machine. first are
// the builds of upstreams that have to be made here.
func printPlan(w io.Writer, lab *repro.Lab, first []weir.BuildID) {
	c := lab.Case
	fmt.Fprintf(w, "%s", show.Safe(c.Subject))
	if c.Farm != "" {
		fmt.Fprintf(w, " of %s", show.Safe(c.Farm))
	}
	fmt.Fprintln(w)
	for _, id := range first {
		printRecipe(w, lab, id, fmt.Sprintf("an upstream, build %d", id), first)
	}
	for _, t := range c.Trials {
		printRecipe(w, lab, t.Build, t.Name, first)
	}
	fmt.Fprintln(w, "\nThese commands come from the farm or the capsule, not from weir. They run as you, without a sandbox.")
}

// printRecipe shows one build, and every character of its commands.
func printRecipe(w io.Writer, lab *repro.Lab, id weir.BuildID, title string, first []weir.BuildID) {
	r := lab.Case.Recipes[id]
	s := r.Spec
	fmt.Fprintf(w, "\n%s: %s/%s %s\n", show.Safe(title), show.Safe(s.Project), show.Safe(s.Job.Name), show.Safe(string(s.Platform)))
	if s.Source.Kind != weir.None {
		fmt.Fprintf(w, "  source    %s %s at %s\n", s.Source.Kind, show.Safe(s.Source.Location), show.Safe(s.Revision))
	}
	for _, in := range s.Inputs {
		how := "revision only"
		switch {
		case in.Product.Digest == "":
		case slices.Contains(first, r.Needs[in.Project]):
			how = fmt.Sprintf("built here first, build %d", r.Needs[in.Project])
		default:
			how = fmt.Sprintf("its product is fetched, %d KiB, and unpacked at %s", (in.Product.Size+1023)>>10, show.Safe(in.Product.Prefix))
		}
		fmt.Fprintf(w, "  upstream  %s at %s: %s\n", show.Safe(in.Project), show.Safe(in.Revision), how)
	}
	printVars(w, "  variable  ", s.Job.Env)
	for _, step := range s.Job.Steps {
		fmt.Fprintf(w, "  step      %s", show.Safe(step.Name))
		if step.Dir != "" {
			fmt.Fprintf(w, ", in %s", show.Safe(step.Dir))
		}
		fmt.Fprintln(w)
		printVars(w, "            ", step.Env)
		for line := range strings.Lines(step.Run) {
			fmt.Fprintf(w, "            $ %s\n", show.SafeLine(strings.TrimRight(line, "\r\n")))
		}
	}
}

func printVars(w io.Writer, before string, vars []weir.EnvVar) {
	for _, v := range vars {
		fmt.Fprintf(w, "%s%s=%s\n", before, show.Safe(v.Name), show.SafeLine(v.Value))
	}
}

// printFinding says what came of a trial, and if it differs what may explain that.
func printFinding(ctx context.Context, w io.Writer, lab *repro.Lab, f repro.Finding) {
	before := ""
	if len(lab.Case.Trials) > 1 {
		before = f.Trial.Name + ": "
	}
	word := "the same"
	if !f.Same {
		word = "different"
	}
	fmt.Fprintf(w, "%s%s: %s\n", show.Safe(before), word, show.Safe(f.Headline))
	for _, d := range f.Differences {
		fmt.Fprintf(w, "  %s\n", show.Safe(d))
	}
	for _, n := range f.Notes {
		fmt.Fprintf(w, "  (%s)\n", show.Safe(n))
	}
	explain := f.Here
	if !f.Same {
		explain = append(explain, repro.Explain(ctx, lab.Case.Recipes[f.Trial.Build], lab.Host, app.Version)...)
	}
	if len(explain) == 0 {
		return
	}
	fmt.Fprintln(w, "what differs from the farm, or may:")
	for _, line := range explain {
		fmt.Fprintf(w, "  %s\n", show.Safe(line))
	}
}
