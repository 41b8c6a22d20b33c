package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

func newLogs() *cobra.Command {
	c := &cobra.Command{
		Use:   "logs BUILD",
		Short: "print what a build printed",
		Long: `Print the logs of a build's newest attempt, step after step: the output as it
was, escape sequences included, on stdout, and the steps' titles on stderr.
With -f, go on until the build ends; then the exit code says how it ended: 0 if
it passed, 1 if not.`,
		Example: "  weir logs 41\n  weir logs -f 41\n  weir logs --step test 41",
		Args:    cobra.ExactArgs(1),
	}
	server := serverFlag(c)
	follow := c.Flags().BoolP("follow", "f", false, "go on until the build ends")
	step := c.Flags().String("step", "", "only the step with this name")
	c.RunE = func(c *cobra.Command, args []string) error {
		id, err := parseID(args[0], "build")
		if err != nil {
			return err
		}
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		p := logPrinter{farm: farm, out: c.OutOrStdout(), notes: c.ErrOrStderr(), id: weir.BuildID(id), only: *step}
		if *follow {
			return p.follow(c.Context())
		}
		_, err = p.once(c.Context())
		return err
	}
	return c
}

// logPrinter prints the steps of a build's newest attempt, each log from
// where it left off.
type logPrinter struct {
	farm    *client.Client
	out     io.Writer
	notes   io.Writer
	id      weir.BuildID
	only    string
	attempt int
	step    int   // index of the step that is being printed
	line    int64 // next line of it
	titled  bool
	found   bool
}

// logRead is how much of a log is asked for at once, in bytes.
const logRead = 1 << 20

// once prints what there is, and returns the build.
func (p *logPrinter) once(ctx context.Context) (weir.Build, error) {
	d, err := p.farm.Build(ctx, p.id)
	if err != nil {
		return weir.Build{}, err
	}
	if len(d.Attempts) == 0 {
		return d.Build, nil
	}
	a := d.Attempts[len(d.Attempts)-1]
	if a.ID.Number != p.attempt {
		if p.attempt != 0 {
			fmt.Fprintf(p.notes, "--- attempt %d was lost; attempt %d follows\n", p.attempt, a.ID.Number)
		}
		p.attempt, p.step, p.line, p.titled = a.ID.Number, 0, 0, false
	}
	for p.step < len(a.Steps) {
		s := a.Steps[p.step]
		if p.only == "" || p.only == s.Name {
			p.found = true
			if err := p.print(ctx, a.ID, s); err != nil {
				return d.Build, err
			}
		}
		if s.State == weir.StepRunning || s.State == weir.StepWaiting && !d.Build.State.Final() {
			break
		}
		p.step, p.line, p.titled = p.step+1, 0, false
	}
	if d.Build.State.Final() && p.only != "" && !p.found {
		return d.Build, weir.Errorf(weir.NotFound, "build %d has no step %q", p.id, p.only).
			WithHint("its steps are listed by: weir logs %d", p.id)
	}
	return d.Build, nil
}

func (p *logPrinter) print(ctx context.Context, id weir.AttemptID, s client.StepDetail) error {
	if !p.titled && s.State != weir.StepWaiting {
		title := fmt.Sprintf("--- step %d: %s", s.Index, safe(s.Name))
		if s.Note != "" {
			title += " (" + safe(s.Note) + ")"
		}
		fmt.Fprintln(p.notes, title)
		p.titled = true
	}
	if s.LogBytes == 0 {
		return nil
	}
	running := s.State == weir.StepRunning
	if !running && p.line == 0 {
		return p.farm.CopyLog(ctx, p.out, id, s.Index)
	}
	for {
		piece, err := p.farm.Log(ctx, id, s.Index, p.line, logRead)
		if err != nil {
			return err
		}
		end := strings.LastIndexByte(piece.Text, '\n') + 1
		if _, err := io.WriteString(p.out, piece.Text[:end]); err != nil {
			return err
		}
		p.line = piece.NextLine
		rest := piece.Text[end:]
		switch {
		case end == 0 && rest != "" && p.line > piece.FirstLine: // a very long line, cut
			if _, err := fmt.Fprintln(p.out, rest+" ... (this line is longer than --follow shows)"); err != nil {
				return err
			}
		case end == 0 || p.line >= piece.Lines:
			if rest == "" || running { // the rest of the line is still to come
				return nil
			}
			_, err := fmt.Fprintln(p.out, rest)
			return err
		}
	}
}

// followLook is how often a followed build is looked at although no event came.
const followLook = 2 * time.Second

// follow prints until the build is final.
func (p *logPrinter) follow(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := make(chan struct{}, 1)
	subject := fmt.Sprint(p.id)
	go func() {
		for e, err := range p.farm.FollowEvents(ctx, client.FromNow) {
			if err != nil {
				return // the loop below looks at intervals, and sees the error itself
			}
			if e.Subject == subject && (e.Kind == weir.EventBuild || e.Kind == weir.EventLog) {
				select {
				case news <- struct{}{}:
				default:
				}
			}
		}
	}()
	for {
		b, err := p.once(ctx)
		if err != nil {
			return err
		}
		if b.State.Final() {
			fmt.Fprintf(p.notes, "--- build %d %s%s\n", p.id, b.Outcome, reasonText(b.Reason))
			if b.Outcome != weir.Passed {
				return errBadNews
			}
			return nil
		}
		select {
		case <-news:
		case <-time.After(followLook):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func reasonText(r weir.Reason) string {
	if r.Text == "" {
		return ""
	}
	return ": " + safe(r.Text)
}
