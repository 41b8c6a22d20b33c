package api

import (
	"context"
	"time"

	"github.com/weir-ci/weir"
)

type eventsIn struct {
	After int64 `query:"after" default:"-1" doc:"number of the last event seen; -1: from now on"`
	Wait  int   `query:"wait" minimum:"0" maximum:"25" default:"25" doc:"seconds to wait for the first event"`
}

// EventList is what happened.
type EventList struct {
	Events []weir.Event `json:"events"`
	// Last is what to ask for next.
	Last int64 `json:"last"`
}

// events answers as soon as there is something, and with an empty list when
// the time is up. Asked for what comes from now on, it answers at once with
// the number to go on from, so that nothing is missed between two requests.
func (h *handler) events(ctx context.Context, in *eventsIn) (*body[EventList], error) {
	if in.After < 0 {
		last, err := h.farm.LastEvent(ctx)
		return &body[EventList]{EventList{Events: []weir.Event{}, Last: last}}, err
	}
	ctx, cancel := context.WithTimeout(ctx, min(time.Duration(in.Wait)*time.Second, eventWait))
	defer cancel()
	recheck := time.NewTicker(eventRecheck)
	defer recheck.Stop()
	list := EventList{Events: []weir.Event{}, Last: in.After}
	for {
		changed := h.farm.Changed()
		// Reading is quick; it must not be cut short by the end of the wait.
		events, err := h.farm.Events(context.WithoutCancel(ctx), in.After)
		if err != nil {
			return nil, err
		}
		if len(events) > 0 {
			return &body[EventList]{EventList{Events: events, Last: events[len(events)-1].Seq}}, nil
		}
		select {
		case <-changed:
		case <-recheck.C:
		case <-ctx.Done():
			return &body[EventList]{list}, nil
		}
	}
}
