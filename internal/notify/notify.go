// Package notify tells people what happens to the farm while they do not look.
//
// A Notice says what there is to tell, and to whom; a Sender, such as package
// mail, brings it there. Between the two stands the Outbox: it keeps each notice
// on disk from when it is added until it is sent, tries again with growing
// pauses, and goes on where it stopped when the server starts again. So a notice
// is told at least once, unless nobody took it for MaxAge.
package notify

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// Kind is what a notice is about.
type Kind string

// The kinds of notices.
const (
	WorkerAway Kind = "worker_away" // a worker has not been heard of for a while
	WorkerBack Kind = "worker_back" // it is there again
	FlakyNews  Kind = "flaky_news"  // what is new of the flaky tests of a project
)

// Notice is something to tell somebody.
type Notice struct {
	Kind   Kind      `json:"kind"`
	To     string    `json:"to"` // mail address
	Farm   string    `json:"farm"`
	URL    string    `json:"url,omitempty"` // of the farm
	Worker string    `json:"worker,omitempty"`
	Host   string    `json:"host,omitempty"`
	Seen   time.Time `json:"seen,omitzero"` // when the worker was last heard of
	At     time.Time `json:"at"`            // when this was noticed
	// Project is what FlakyNews is about, Summary sums it up in a few words, and
	// Body is all of it, line by line.
	Project string `json:"project,omitempty"`
	Summary string `json:"summary,omitempty"`
	Body    string `json:"body,omitempty"`
}

// MaxBody is how long a body is at most, in bytes; what is longer is cut after a line.
const MaxBody = 32 << 10

// Sender brings a notice to whom it is for. Its errors hold no secrets.
type Sender interface {
	Send(ctx context.Context, n Notice) error
}

// Subject is the notice in one line, without line ends.
func (n Notice) Subject() string {
	what := "is away"
	if n.Kind == FlakyNews {
		return oneLine(fmt.Sprintf("[%s] %s: %s", n.Farm, n.Project, n.Summary))
	}
	if n.Kind == WorkerBack {
		what = "is back"
	}
	return oneLine(fmt.Sprintf("[%s] worker %s %s", n.Farm, n.Worker, what))
}

// Text is the notice in full, as plain text.
func (n Notice) Text() string {
	if n.Kind == FlakyNews {
		return n.flakyText()
	}
	var b strings.Builder
	name := n.Worker
	if n.Host != "" && n.Host != n.Worker {
		name += " (" + n.Host + ")"
	}
	seen := n.Seen.UTC().Format("2006-01-02 15:04 UTC")
	if n.Kind == WorkerBack {
		fmt.Fprintf(&b, "Your worker %s is back at the farm %s.\n", oneLine(name), oneLine(n.Farm))
	} else {
		fmt.Fprintf(&b, "The farm %s has not heard of your worker %s since %s.\n\n", oneLine(n.Farm), oneLine(name), seen)
		fmt.Fprintf(&b, "What it was running is built elsewhere. Nothing has to be done if you have\n"+
			"switched it off; otherwise look whether the machine runs, reaches the farm, and\n"+
			"whether weir worker runs on it. You are told once when it is back.\n")
	}
	if n.URL != "" {
		fmt.Fprintf(&b, "\n%s\n", oneLine(n.URL))
	}
	return b.String()
}

func (n Notice) flakyText() string {
	var b strings.Builder
	fmt.Fprintf(&b, "What is new of the flaky tests of %s at the farm %s: tests that are good and\nbad at equal revisions. Nobody else is told, and no regression is open for them.\n\n",
		oneLine(n.Project), oneLine(n.Farm))
	for line := range strings.Lines(n.Body) {
		b.WriteString(oneLine(line) + "\n")
	}
	fmt.Fprintf(&b, "\nYou are among the owners of %s in the farm's file.\n", oneLine(n.Project))
	if n.URL != "" {
		fmt.Fprintf(&b, "\n%s\n", oneLine(n.URL)+"/flaky?"+url.Values{"project": {n.Project}}.Encode())
	}
	return b.String()
}

// oneLine leaves out what could end a line or a header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

// Away is the notice that a worker is away.
func Away(w weir.Worker, farm, address string, now time.Time) Notice {
	return Notice{Kind: WorkerAway, To: w.Owner, Farm: farm, URL: address, Worker: w.Name, Host: w.Host, Seen: w.Seen, At: now}
}

// Back is the notice that a worker is back.
func Back(w weir.Worker, farm, address string, now time.Time) Notice {
	n := Away(w, farm, address, now)
	n.Kind = WorkerBack
	return n
}

// Flaky is the notice of what is new of the flaky tests of a project, to one of
// its owners. The body is a digest, line by line.
func Flaky(owner, project, summary, body, farm, address string, now time.Time) Notice {
	if len(body) > MaxBody {
		cut := strings.LastIndexByte(body[:MaxBody], '\n') + 1
		body = body[:cut] + "and more\n"
	}
	return Notice{Kind: FlakyNews, To: owner, Project: project, Summary: summary, Body: body, Farm: farm, URL: address, At: now}
}

// about is what a notice is about, for the log.
func (n Notice) about() string {
	if n.Kind == FlakyNews {
		return n.Project
	}
	return n.Worker
}
