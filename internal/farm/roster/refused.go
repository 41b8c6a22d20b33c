package roster

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// MaxRefused is how many builders are known that a worker refuses, the newest.
const MaxRefused = 1000

// RefusedKept is for how long it is known what a worker refused.
const RefusedKept = store.RefusalsKept

// Window knows the builders by their ids. *recent.Window is one.
type Window interface {
	State(ctx context.Context) (*recent.State, error)
}

// Refused is a builder whose builds the owner of a worker does not want there.
type Refused struct {
	Worker  string       `json:"worker"`
	Builder weir.Builder `json:"builder"`
	Build   weir.BuildID `json:"build"` // the newest that was refused
	Rule    weir.Rule    `json:"rule"`
	Text    string       `json:"text"`  // why, in the worker's words; may be empty
	Count   int          `json:"count"` // how often
	First   time.Time    `json:"first"`
	Last    time.Time    `json:"last"`
	Until   time.Time    `json:"until"`  // when it is asked again, unless its policy changes before
	Active  bool         `json:"active"` // it is not asked at present
}

// Refused lists what a worker refused lately, newest first, at most limit after the
// first so many, and says whether there are more.
func (r *Reader) Refused(ctx context.Context, worker string, from, limit int) (list []Refused, more bool, err error) {
	now := r.now()
	from = min(max(from, 0), MaxRefused)
	all, err := r.store.Refusals(ctx, worker, now, min(from+limit+1, MaxRefused))
	if err != nil || len(all) <= from {
		return []Refused{}, false, err
	}
	state, err := r.window.State(ctx)
	if err != nil {
		return nil, false, err
	}
	all = all[from:]
	for _, f := range all[:min(len(all), limit)] {
		line := Refused{Worker: f.Worker, Builder: weir.Builder{ID: f.Builder}, Build: f.Build, Rule: f.Rule, Text: f.Text, Count: f.Count,
			First: f.First, Last: f.Last, Until: f.Until, Active: f.Active(now)}
		if row, ok := state.Row(f.Builder); ok {
			line.Builder = row.Builder
		}
		list = append(list, line)
	}
	return list, len(all) > limit, nil
}
