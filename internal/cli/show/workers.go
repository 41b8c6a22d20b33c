package show

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
)

// Workers prints a table of workers as they are at the time now, and returns
// the error of w if there is one.
func Workers(w io.Writer, list []client.Worker, now time.Time) error {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "WORKER\tSTATE\tPLATFORM\tRUNS\tSEEN\tWHY")
	for _, worker := range list {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d/%d\t%s\t%s\n", Safe(worker.Name), worker.State, Safe(string(worker.Platform)), worker.Running, worker.Slots,
			Age(now, worker.Seen), why(worker.Worker, worker.State, now))
	}
	return t.Flush()
}

// why says why a worker gets nothing.
func why(w weir.Worker, state weir.WorkerState, now time.Time) string {
	switch state {
	case weir.WorkerPaused:
		return Safe(w.Paused)
	case weir.WorkerQuarantined:
		return fmt.Sprintf("%s in a row were its own fault; again in %s", Plural(w.Strikes, "infrastructure error", "infrastructure errors"),
			w.Barred.Sub(now).Round(time.Second))
	case weir.WorkerDraining:
		return "ends what it runs, and leaves"
	case weir.WorkerResting:
		return resting(w.Rest, now)
	case weir.WorkerAway:
		return "not heard of for " + Age(now, w.Seen)
	}
	return ""
}

// maxRest is how much of why a worker rests is shown, in characters.
const maxRest = 160

// resting says why a worker rests, in its own words, and until when.
func resting(r weir.Rest, now time.Time) string {
	text := Clip(Safe(r.Text), maxRest)
	if text == "" {
		text = "as its owner wishes: " + Safe(string(r.Rule))
	}
	if left := r.Until.Sub(now); left > 0 {
		text += fmt.Sprintf("; over in %s, at %s", left.Round(time.Second), r.Until.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return text
}

// writeIdle says of workers that get nothing why they do not.
func writeIdle(w io.Writer, workers []weir.Worker, now time.Time) {
	for _, worker := range workers {
		switch state := worker.State(now); state {
		case weir.WorkerReady:
		case weir.WorkerAway:
			fmt.Fprintf(w, "\nworker %s has not been heard of for %s\n", Safe(worker.Name), Age(now, worker.Seen))
		default:
			fmt.Fprintf(w, "\nworker %s is %s: %s\n", Safe(worker.Name), state, why(worker, state, now))
		}
	}
}
