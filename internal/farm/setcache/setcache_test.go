package setcache

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

func TestBounded(t *testing.T) {
	t.Parallel()
	var c Cache
	text := strings.Repeat("x", cachedBytes/10)
	set := weir.ResultSet{Results: []weir.Result{{Output: text}}}
	for i := range 40 {
		c.Put(weir.Digest(strconv.Itoa(i)), set)
		if _, ok := c.Get("0"); i < 30 && !ok { // it is asked for all the time
			t.Fatalf("after %d sets the first one is gone", i+1)
		}
		if c.held > cachedBytes || len(c.sets) > 10 {
			t.Fatalf("%d sets with %d bytes are kept", len(c.sets), c.held)
		}
	}
	c.Put("large", weir.ResultSet{Incidents: slices.Repeat([]weir.Incident{{Message: text}}, 11)})
	if _, ok := c.Get("large"); ok {
		t.Error("a set that is larger than all there may be is kept")
	}
	for _, s := range c.sets {
		s.used = s.used.Add(-2 * Time)
	}
	if err := c.Forget(t.Context()); err != nil || len(c.sets) > 0 || c.held != 0 {
		t.Errorf("%d sets with %d bytes are not forgotten: %v", len(c.sets), c.held, err)
	}
}
