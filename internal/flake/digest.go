package flake

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/history"
)

// Entry is one flaky test of a project.
type Entry struct {
	Builder string      `json:"builder"`
	Test    weir.TestID `json:"test"`
	Before  State       `json:"before"` // in the last digest; empty if it was in none
	Mark    Mark        `json:"mark"`
	Model   Model       `json:"model"`
}

// Digest is what the owners of a project are told of its flaky tests. All
// lists have the worst first: by the rate that the test fails with at least.
type Digest struct {
	New    []Entry `json:"new,omitempty"`    // flaky for the first time
	Again  []Entry `json:"again,omitempty"`  // were quiet, and flaked again
	Closed []Entry `json:"closed,omitempty"` // were flaky, and are quiet now
	Open   []Entry `json:"open,omitempty"`   // flaky as before
}

// Sort makes a digest of all tests of a project. Tests that are steady, and
// those that were quiet and still are, are not told.
func Sort(entries []Entry) Digest {
	var d Digest
	for _, e := range entries {
		switch {
		case e.Mark.State == Quiet && e.Before == Flaky:
			d.Closed = append(d.Closed, e)
		case e.Mark.State != Flaky:
		case e.Before == Flaky:
			d.Open = append(d.Open, e)
		case e.Before == Quiet:
			d.Again = append(d.Again, e)
		default:
			d.New = append(d.New, e)
		}
	}
	for _, list := range [][]Entry{d.New, d.Again, d.Closed, d.Open} {
		slices.SortStableFunc(list, func(a, b Entry) int {
			return cmp.Or(cmp.Compare(b.Model.Rate.Low, a.Model.Rate.Low), cmp.Compare(b.Mark.Flakes, a.Mark.Flakes),
				a.Test.Compare(b.Test), cmp.Compare(a.Builder, b.Builder))
		})
	}
	return d
}

// News reports whether there is anything that was not in the last digest. One
// without is not worth sending.
func (d Digest) News() bool { return len(d.New)+len(d.Again)+len(d.Closed) > 0 }

// maxLines is how many tests of each list are written out.
const maxLines = 20

// String is the digest for people, as plain text.
func (d Digest) String() string {
	var b strings.Builder
	for _, part := range []struct {
		head string
		list []Entry
	}{
		{"New flaky tests", d.New}, {"Flaky again", d.Again}, {"No longer flaky", d.Closed}, {"Still flaky", d.Open},
	} {
		if len(part.list) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s: %d\n", part.head, len(part.list))
		for _, e := range part.list[:min(len(part.list), maxLines)] {
			b.WriteString("  " + e.String() + "\n")
		}
		if more := len(part.list) - maxLines; more > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
	}
	return b.String()
}

// String is one line of a digest.
func (e Entry) String() string {
	name := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' ' // a name must not begin a line of its own
		}
		return r
	}, e.Test.String())
	line := fmt.Sprintf("%s on %s: %s", name, e.Builder, e.Mark.Reason)
	if e.Mark.State == Flaky {
		line += "; fails for no reason in " + history.RateText(e.Model.Rate)
	}
	return line
}
