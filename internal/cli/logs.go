package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/cli/console"
	"github.com/weir-ci/weir/internal/cli/show"
)

func newLogs() *cobra.Command {
	c := &cobra.Command{
		Use:   "logs BUILD",
		Short: "print what a build printed, or search it",
		Long: `Print the logs of a build's newest attempt, step after step: the output as it
was, escape sequences included, on stdout, and the steps' titles on stderr.

With -f, go on until the build ends; then the exit code says how it ended: 0 if
it passed, 1 if not.

With --search or --regex, print the lines that match, without escape sequences,
as STEP:LINE:TEXT; the exit code is 1 if there are none. Regular expressions are
those of RE2.`,
		Example: `  weir logs 41
  weir logs -f 41
  weir logs --step test --tail 50 41
  weir logs -i --search 'segmentation fault' 41`,
		Args: cobra.ExactArgs(1),
	}
	server := console.ServerFlag(c)
	var o logOptions
	follow := c.Flags().BoolP("follow", "f", false, "go on until the build ends")
	c.Flags().StringVar(&o.step, "step", "", "only the step with this name")
	c.Flags().IntVar(&o.attempt, "attempt", 0, "the attempt with this number, not the newest")
	c.Flags().Int64Var(&o.tail, "tail", 0, "only the last `N` lines")
	c.Flags().BoolVar(&o.times, "timestamps", false, "before each line, when it was printed")
	c.Flags().StringVar(&o.query.Pattern, "search", "", "only lines with this `TEXT`")
	regex := c.Flags().String("regex", "", "only lines that match this regular expression")
	c.Flags().BoolVarP(&o.query.IgnoreCase, "ignore-case", "i", false, "search for upper and lower case alike")
	c.RunE = func(c *cobra.Command, args []string) error {
		for _, pair := range [][2]string{{"search", "regex"}, {"follow", "attempt"}, {"follow", "search"}, {"follow", "regex"},
			{"tail", "search"}, {"tail", "regex"}, {"timestamps", "search"}, {"timestamps", "regex"}} {
			if c.Flags().Changed(pair[0]) && c.Flags().Changed(pair[1]) {
				return console.UsageHint(fmt.Errorf("--%s and --%s do not go together", pair[0], pair[1]), console.SeeHelp(c))
			}
		}
		if o.tail < 0 || o.attempt < 0 {
			return console.UsageHint(errors.New("--tail and --attempt take console.Numbers above 0"), console.SeeHelp(c))
		}
		id, err := console.ParseID(args[0], "build")
		if err != nil {
			return err
		}
		if *regex != "" {
			o.query.Pattern, o.query.Regexp = *regex, true
		}
		farm, err := client.New(server(), nil)
		if err != nil {
			return err
		}
		p := logPrinter{logOptions: o, farm: farm, out: c.OutOrStdout(), notes: c.ErrOrStderr(), id: weir.BuildID(id)}
		switch {
		case *follow:
			return p.follow(c.Context())
		case o.query.Pattern != "":
			return p.search(c.Context())
		}
		_, err = p.once(c.Context())
		return err
	}
	return c
}

// logOptions says which part of a build's logs to print, and how.
type logOptions struct {
	step    string // name; empty: all
	attempt int    // 0: the newest
	tail    int64  // lines; 0: all
	times   bool
	query   client.LogQuery
}

// logPrinter prints the steps of an attempt, each log from where it left off.
type logPrinter struct {
	logOptions
	farm    *client.Client
	out     io.Writer
	notes   io.Writer
	id      weir.BuildID
	current int   // number of the attempt that is being printed
	index   int   // of the step that is being printed
	offset  int64 // next byte of it
	inLine  bool  // what was printed last is no newline
	titled  bool
	found   bool // the step asked for
}

// chosen finds the attempt to print; false if the build has not run yet.
func (p *logPrinter) chosen(d client.BuildDetail) (client.AttemptDetail, bool, error) {
	if p.attempt == 0 {
		if len(d.Attempts) == 0 {
			return client.AttemptDetail{}, false, nil
		}
		return d.Attempts[len(d.Attempts)-1], true, nil
	}
	for _, a := range d.Attempts {
		if a.ID.Number == p.attempt {
			return a, true, nil
		}
	}
	return client.AttemptDetail{}, false, weir.Errorf(weir.NotFound, "build %d has no attempt %d", p.id, p.attempt).
		WithHint("it has %d so far", len(d.Attempts))
}

func (p *logPrinter) noStep() error {
	return weir.Errorf(weir.NotFound, "build %d has no step %q", p.id, p.step).
		WithHint("its steps are listed by: weir logs %d", p.id)
}

// once prints what there is, and returns the build.
func (p *logPrinter) once(ctx context.Context) (weir.Build, error) {
	d, err := p.farm.Build(ctx, p.id)
	if err != nil {
		return weir.Build{}, err
	}
	a, ok, err := p.chosen(d)
	if err != nil || !ok {
		return d.Build, err
	}
	if a.ID.Number != p.current {
		if p.current != 0 {
			fmt.Fprintf(p.notes, "--- attempt %d was lost; attempt %d follows\n", p.current, a.ID.Number)
		}
		p.current, p.index, p.offset, p.titled, p.inLine = a.ID.Number, 0, 0, false, false
		if p.tail > 0 {
			if err := p.skip(ctx, a); err != nil {
				return d.Build, err
			}
		}
	}
	live := a.Live() && !d.Build.State.Final()
	for p.index < len(a.Steps) {
		s := a.Steps[p.index]
		if p.step == "" || p.step == s.Name {
			p.found = true
			if err := p.print(ctx, a.ID, s); err != nil {
				return d.Build, err
			}
		}
		if live && (s.State == weir.StepRunning || s.State == weir.StepWaiting) {
			break
		}
		if p.inLine {
			fmt.Fprintln(p.out)
		}
		p.index, p.offset, p.titled, p.inLine = p.index+1, 0, false, false
	}
	if !live && p.step != "" && !p.found {
		return d.Build, p.noStep()
	}
	return d.Build, nil
}

// skip goes to where the last lines of the attempt begin.
func (p *logPrinter) skip(ctx context.Context, a client.AttemptDetail) error {
	left := p.tail
	for i := len(a.Steps) - 1; i >= 0; i-- {
		s := a.Steps[i]
		if s.LogBytes == 0 || p.step != "" && p.step != s.Name {
			continue
		}
		p.index, p.offset, p.found = i, 0, true
		// A tail of one line says how many there are, and whether the last one
		// has ended.
		end, err := p.farm.ReadLog(ctx, a.ID, s.Index, client.LogAsk{Tail: 1, Bytes: logRead})
		if err != nil {
			return err
		}
		lines := end.Lines
		if !strings.HasSuffix(end.Text, "\n") {
			lines++
		}
		if lines >= left {
			start, err := p.farm.ReadLog(ctx, a.ID, s.Index, client.LogAsk{Line: lines - left, Bytes: 1})
			p.offset = start.Offset
			return err
		}
		left -= lines
	}
	return nil
}

func (p *logPrinter) print(ctx context.Context, id weir.AttemptID, s client.StepDetail) error {
	if !p.titled && s.State != weir.StepWaiting {
		title := fmt.Sprintf("--- step %d: %s", s.Index, show.Safe(s.Name))
		if s.Note != "" {
			title += " (" + show.Safe(s.Note) + ")"
		}
		fmt.Fprintln(p.notes, title)
		p.titled = true
	}
	if s.LogBytes <= p.offset {
		return nil
	}
	if !p.times {
		return p.farm.CopyLogFrom(ctx, (*logWriter)(p), id, s.Index, p.offset)
	}
	for {
		piece, err := p.farm.ReadLog(ctx, id, s.Index, client.LogAsk{ByOffset: true, Offset: p.offset, Bytes: logRead, Times: true})
		if err != nil || piece.Text == "" {
			return err
		}
		if err := p.stamped(piece); err != nil {
			return err
		}
		p.offset = piece.NextOffset
	}
}

// logRead is how much of a log is asked for at once, in bytes.
const logRead = 1 << 20

// logWriter writes a log, and remembers how far it has come.
type logWriter logPrinter

// Write passes text on.
func (w *logWriter) Write(text []byte) (int, error) {
	n, err := w.out.Write(text)
	if n > 0 {
		w.offset += int64(n)
		w.inLine = text[n-1] != '\n'
	}
	return n, err
}

// stamped prints a piece with the time before each line.
func (p *logPrinter) stamped(piece client.LogPiece) error {
	var b strings.Builder
	number, entry := piece.FirstLine, -1
	for line := range strings.Lines(piece.Text) {
		for entry+1 < len(piece.Times) && piece.Times[entry+1].Line <= number {
			entry++
		}
		if !p.inLine {
			at := strings.Repeat(" ", len(stampForm))
			if entry >= 0 {
				at = piece.Times[entry].At.UTC().Format(stampForm)
			}
			b.WriteString(at + " ")
		}
		b.WriteString(line)
		p.inLine = !strings.HasSuffix(line, "\n")
		number++
	}
	_, err := io.WriteString(p.out, b.String())
	return err
}

const stampForm = "2006-01-02T15:04:05.000Z"

// search prints the lines that match.
func (p *logPrinter) search(ctx context.Context) error {
	d, err := p.farm.Build(ctx, p.id)
	if err != nil {
		return err
	}
	a, ok, err := p.chosen(d)
	if err != nil {
		return err
	}
	var total int64
	for _, s := range a.Steps {
		if p.step != "" && p.step != s.Name {
			continue
		}
		p.found = true
		if s.LogBytes == 0 {
			continue
		}
		n, err := p.searchStep(ctx, a.ID, s)
		if err != nil {
			return err
		}
		total += n
	}
	switch {
	case ok && p.step != "" && !p.found:
		return p.noStep()
	case total == 0:
		return console.ErrBadNews
	}
	return nil
}

// searchStep prints the lines of one step that match, and returns how many.
func (p *logPrinter) searchStep(ctx context.Context, id weir.AttemptID, s client.StepDetail) (int64, error) {
	q := p.query
	q.Limit = 1000
	var n int64
	for {
		found, err := p.farm.SearchLog(ctx, id, s.Index, q)
		if err != nil {
			return n, err
		}
		for _, m := range found.Matches {
			if _, err := fmt.Fprintf(p.out, "%s:%d:%s\n", show.Safe(s.Name), m.Line+1, show.SafeLine(m.Text)); err != nil {
				return n, err
			}
			n++
		}
		if found.Done {
			return n, nil
		}
		q.From = found.Next
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
	seen := false
	for {
		b, err := p.once(ctx)
		if err != nil && (!seen || weir.CodeOf(err) != weir.Unavailable) {
			return err
		}
		// A server that is away for a while comes back, and what was printed is
		// not printed again.
		seen = true
		if b.State.Final() {
			fmt.Fprintf(p.notes, "--- build %d %s%s\n", p.id, b.Outcome, console.ReasonText(b.Reason))
			if b.Outcome != weir.Passed {
				return console.ErrBadNews
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
