package worker

import (
	"math"
	"net/http"
	"sync/atomic"
	"time"
)

// clock compares this machine's clock with the server's. The zero value does not
// know yet.
type clock struct {
	ahead atomic.Pointer[float64] // in seconds
}

const (
	// clockTrip is how long a message and its answer may be under way together to
	// say something about the clock. An answer that was waited for longer may have
	// been written at any time meanwhile.
	clockTrip = 2 * time.Second
	// clockNoise is by how much clocks that agree may seem to differ, because a
	// server tells whole seconds only, and nobody knows how long the way back took.
	clockNoise = 2 * time.Second
)

// answered notes by how much this clock is ahead, given when a message was
// sent and its answer came, and the date in that. The server is taken to have
// written it in the middle.
func (c *clock) answered(sent, came time.Time, date string) {
	trip := came.Sub(sent)
	wall := came.Round(0).Sub(sent.Round(0)) // differs if the clock was set meanwhile
	server, err := http.ParseTime(date)
	if err != nil || trip < 0 || trip > clockTrip || wall < 0 || wall > clockTrip {
		return
	}
	const half = 500 * time.Millisecond // of the second whose beginning the server tells
	ahead := sent.Add(trip / 2).Sub(server.Add(half))
	seconds := 0.0
	if ahead > clockNoise || ahead < -clockNoise {
		seconds = math.Round(ahead.Seconds())
	}
	c.ahead.Store(&seconds)
}

// known is by how many seconds this clock is ahead of the server's; 0 if it
// agrees as far as can be seen, nil if nothing is known.
func (c *clock) known() *float64 { return c.ahead.Load() }
