package show

import (
	"fmt"
	"io"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

// Setup prints what somebody has to know of a farm's configuration: mistakes of
// its file, warnings, what waits for a restart, recipes that are not in force.
func Setup(w io.Writer, s client.Setup) {
	file := Safe(s.File)
	if s.Errors > 0 {
		fmt.Fprintf(w, "\n%s has %s and is not in force; the farm goes on with version %s\n", file, Plural(s.Errors, "mistake", "mistakes"), Safe(s.Version))
		problems(w, s.Problems)
		if more := s.Errors - len(s.Problems); more > 0 {
			fmt.Fprintf(w, "  and %d more; weir check %s lists them\n", more, file)
		}
	} else if s.Version != "" {
		fmt.Fprintf(w, "\nconfiguration %s since %s\n", Safe(s.Version), s.Since.Local().Format("2006-01-02 15:04"))
	}
	for _, p := range s.Warnings {
		fmt.Fprintf(w, "  warning: %s\n", problemLine(p))
	}
	if len(s.Restart) > 0 {
		fmt.Fprintf(w, "  wait for the next start of the server: %s\n", Safe(strings.Join(s.Restart, ", ")))
	}
	for _, r := range s.Recipes {
		switch {
		case r.Problem == "":
		case r.Revision == "":
			fmt.Fprintf(w, "\n%s has no jobs, because its recipe has mistakes: %s\n", Safe(r.Project), Safe(r.Problem))
		default:
			fmt.Fprintf(w, "\nrecipe of %s is that of %s, because the newest one has mistakes: %s\n", Safe(r.Project), Safe(weir.ShortRevision(r.Revision)), Safe(r.Problem))
		}
	}
}

func problems(w io.Writer, list []client.SetupProblem) {
	for _, p := range list {
		fmt.Fprintf(w, "  %s\n", problemLine(p))
	}
}

func problemLine(p client.SetupProblem) string {
	line := Safe(p.Message)
	if p.Line > 0 {
		line = fmt.Sprintf("line %d: %s", p.Line, line)
	}
	if p.Hint != "" {
		line += "; " + Safe(p.Hint)
	}
	return line
}

// Reload prints what came of reading a farm file again, or what would come of it.
func Reload(w io.Writer, r client.Reload) {
	if r.Errors > 0 {
		fmt.Fprintf(w, "the farm file has %s; version %s stays in force\n", Plural(r.Errors, "mistake", "mistakes"), Safe(r.Version))
		problems(w, r.Problems)
		if more := r.Errors - len(r.Problems); more > 0 {
			fmt.Fprintf(w, "  and %d more\n", more)
		}
		return
	}
	for _, c := range r.Diff.Changes {
		fmt.Fprintln(w, changeLine(c))
		for _, n := range c.Notes {
			fmt.Fprintf(w, "           %s\n", Safe(n))
		}
	}
	if r.Diff.Omitted > 0 {
		fmt.Fprintf(w, "and %d more\n", r.Diff.Omitted)
	}
	if len(r.Diff.Changes) == 0 {
		fmt.Fprintln(w, "nothing changes")
	}
	for _, n := range r.Diff.Notes {
		fmt.Fprintf(w, "note: %s\n", Safe(n))
	}
	for _, p := range r.Warnings {
		fmt.Fprintf(w, "warning: %s\n", problemLine(p))
	}
	if len(r.Restart) > 0 {
		fmt.Fprintf(w, "wait for the next start of the server: %s\n", Safe(strings.Join(r.Restart, ", ")))
	}
	if r.Applied {
		fmt.Fprintf(w, "version %s is in force\n", Safe(r.Version))
	} else {
		fmt.Fprintf(w, "it would be version %s; nothing was done\n", Safe(r.Version))
	}
}

func changeLine(c client.SetupChange) string {
	line := fmt.Sprintf("%-8s  %s %s", Safe(c.What), Safe(c.Kind), Safe(c.Name))
	if c.Was != "" {
		line += ", which was " + Safe(c.Was)
	}
	if len(c.Keys) > 0 {
		line += ": " + Safe(strings.Join(c.Keys, ", "))
	}
	return line
}
