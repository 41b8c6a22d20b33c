package web

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
)

// Times and limits of the event stream.
const (
	heartbeat    = 15 * time.Second       // a comment, so that nobody on the way gives up
	recheck      = 2 * time.Second        // how often to look without being woken
	breath       = 100 * time.Millisecond // behind events, so that the next ones come in bunches
	streamWrite  = 30 * time.Second       // to take one bunch
	maxBehind    = 10_000                 // events; who is further behind starts from now
	maxTopics    = 16
	maxTopicSize = 80
)

// topic is a kind of events, or one subject of a kind.
type topic struct {
	kind    weir.EventKind
	subject string // empty: all
}

// parseTopics reads "build:41,regression". No topics means all events.
func parseTopics(s string) []topic {
	var topics []topic
	for part := range strings.SplitSeq(s, ",") {
		if part == "" || len(part) > maxTopicSize || len(topics) == maxTopics {
			continue
		}
		kind, subject, _ := strings.Cut(part, ":")
		topics = append(topics, topic{weir.EventKind(kind), subject})
	}
	return topics
}

func wanted(topics []topic, e weir.Event) bool {
	return len(topics) == 0 || slices.ContainsFunc(topics, func(t topic) bool {
		return t.kind == e.Kind && (t.subject == "" || t.subject == e.Subject)
	})
}

// events streams what happens as server-sent events: the event's number is
// the id, its kind the name. A browser that comes back says which number it
// saw last and misses nothing.
func (s *Site) events(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	last, err := s.startAt(ctx, r)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	// What is told is what comes after the page was made, not after the stream began.
	turn, err := strconv.ParseInt(r.URL.Query().Get("turn"), 10, 64)
	if err != nil {
		turn = s.farm.Setup().Turn
	}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Accel-Buffering", "no") // tells nginx to pass events on at once
	stream := stream{w: w, control: http.NewResponseController(w), topics: parseTopics(r.URL.Query().Get("topics"))}
	if stream.comment("weir") != nil {
		return
	}
	beat, look := time.NewTicker(heartbeat), time.NewTicker(recheck)
	defer beat.Stop()
	defer look.Stop()
	for {
		// What this server alone knows of its farm file is no event of the farm.
		if now := s.farm.Setup().Turn; now != turn {
			turn = now
			if stream.local(weir.EventConfig) != nil {
				return
			}
		}
		changed := s.farm.Changed()
		events, err := s.farm.Events(ctx, last)
		if err != nil {
			if ctx.Err() == nil {
				s.Log().WarnContext(ctx, "events cannot be read", "error", err)
			}
			return // the browser comes back by itself
		}
		if n := len(events); n > 0 {
			last = events[n-1].Seq
			sent, err := stream.send(events)
			if err != nil {
				return
			}
			rest := breath
			if !sent { // what others do must not hold up what this browser waits for
				rest = breath / 4
			}
			if !pause(ctx, rest) {
				return
			}
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-look.C:
		case <-beat.C:
			if stream.comment("still here") != nil {
				return
			}
		}
	}
}

// startAt finds the number to go on from: what the browser saw last, else
// what its page was made from, else now.
func (s *Site) startAt(ctx context.Context, r *http.Request) (int64, error) {
	newest, err := s.farm.LastEvent(ctx)
	if err != nil {
		return 0, err
	}
	for _, text := range []string{r.Header.Get("Last-Event-ID"), r.URL.Query().Get("after")} {
		n, err := strconv.ParseInt(text, 10, 64)
		if err == nil && n >= 0 && n <= newest && newest-n <= maxBehind {
			return n, nil
		}
	}
	return newest, nil
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	topics  []topic
}

func (s *stream) comment(text string) error { return s.write(": " + text + "\n\n") }

// send writes the events that are wanted; of several about the same thing the
// last one is enough. It reports whether there were any.
func (s *stream) send(events []weir.Event) (bool, error) {
	newest := make(map[topic]int64, len(events))
	for _, e := range events {
		newest[topic{e.Kind, e.Subject}] = e.Seq
	}
	var b strings.Builder
	for _, e := range events {
		if !wanted(s.topics, e) || newest[topic{e.Kind, e.Subject}] != e.Seq {
			continue
		}
		data, err := json.Marshal(e.Subject)
		if err != nil {
			return false, err
		}
		fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", e.Seq, e.Kind, data)
	}
	if b.Len() == 0 {
		return false, nil
	}
	return true, s.write(b.String())
}

// local sends an event that has no number: a browser that comes back has got a new
// page by then.
func (s *stream) local(kind weir.EventKind) error {
	if !wanted(s.topics, weir.Event{Kind: kind}) {
		return nil
	}
	return s.write(fmt.Sprintf("event: %s\ndata: \"\"\n\n", kind))
}

func (s *stream) write(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(streamWrite)) // a test's recorder has none
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}
