// Package buildlist finds the builds that people ask for in lists: those of a
// project or a run, that ended so, on such a platform, on that worker, since then.
// What the store cannot look up it looks through, newest first, and stops after
// so many: an answer says where to go on.
package buildlist

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// Query says which builds are wanted. Zero values want any.
type Query struct {
	Project  string
	Run      weir.RunID
	Builder  weir.BuilderID
	State    weir.State
	Outcome  weir.Outcome
	Cause    weir.Cause
	Platform string // all of it, or the part before or behind the slash
	Worker   string // of the newest attempt
	Since    time.Time
	Before   weir.BuildID // ids below this one
	Limit    int          // 0: 100; at most 1,000
}

// List is what was found.
type List struct {
	Builds []weir.Build // newest first
	// Next is where to go on: Query.Before of the next part; 0: there is no more.
	Next weir.BuildID
	// Short says that there are fewer than were asked for, because so many others
	// lie between them: the next part may have more.
	Short bool
}

// Limits.
const (
	defaultLimit = 100
	maxLimit     = 1000
	stretch      = 1000 // builds that are read at once
	maxRead      = 3    // stretches of one answer, which is to take less than 50 ms
)

// Lister lists builds, newest first.
type Lister func(ctx context.Context, q farm.BuildQuery) ([]weir.Build, error)

// Find finds builds.
func Find(ctx context.Context, list Lister, q Query) (List, error) {
	limit := min(cmp.Or(q.Limit, defaultLimit), maxLimit)
	ask := farm.BuildQuery{Project: q.Project, Run: q.Run, Builder: q.Builder, Before: q.Before, Limit: limit + 1}
	if q.State != "" {
		ask.States = []weir.State{q.State}
	}
	if q.picky() {
		ask.Limit = stretch
	}
	out := List{Builds: []weir.Build{}}
	for range maxRead {
		part, err := list(ctx, ask)
		if err != nil {
			return out, err
		}
		for _, b := range part {
			if !q.Since.IsZero() && b.Created.Before(q.Since) {
				return out, nil // ids grow with time
			}
			if !q.wants(b) {
				continue
			}
			if len(out.Builds) == limit {
				out.Next = out.Builds[limit-1].ID
				return out, nil
			}
			out.Builds = append(out.Builds, b)
		}
		if len(part) < ask.Limit {
			return out, nil
		}
		ask.Before = part[len(part)-1].ID
	}
	out.Next, out.Short = ask.Before, true
	return out, nil
}

// picky reports whether builds have to be looked at one by one.
func (q Query) picky() bool {
	return q.State != "" || q.Outcome != "" || q.Cause != "" || q.Platform != "" || q.Worker != "" || !q.Since.IsZero()
}

func (q Query) wants(b weir.Build) bool {
	p := b.Builder.Platform
	return (q.State == "" || b.State == q.State) && (q.Outcome == "" || b.Outcome == q.Outcome) && (q.Cause == "" || b.Cause == q.Cause) &&
		(q.Worker == "" || b.Worker == q.Worker) && (q.Platform == "" || q.Platform == string(p) || q.Platform == p.OS() || q.Platform == p.Arch())
}

// ParseSince reads a time: a day, a moment, or how long ago, as 90m, 24h or 7d;
// Invalid if it is none of these. Empty is no time.
func ParseSince(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= maxDays {
			return now.Add(-time.Duration(n) * 24 * time.Hour), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04", time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, weir.Errorf(weir.Invalid, "%.40q is no time", text).WithHint("a day such as 2026-03-14, or how long ago: 24h, 7d")
}

// maxDays limits how many days ago something is asked for.
const maxDays = 36_500

// Check says whether states, outcomes and causes are such; Invalid if not.
func (q Query) Check() error {
	if q.State != "" && !slices.Contains(weir.States(), q.State) {
		return weir.Errorf(weir.Invalid, "there is no state %.40q", q.State)
	}
	if q.Outcome != "" && !slices.Contains(weir.Outcomes(), q.Outcome) {
		return weir.Errorf(weir.Invalid, "there is no outcome %.40q", q.Outcome)
	}
	if q.Cause != "" && !slices.Contains(weir.Causes(), q.Cause) {
		return weir.Errorf(weir.Invalid, "there is no cause %.40q", q.Cause)
	}
	return nil
}
