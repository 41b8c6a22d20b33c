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

func TestPartsAreBounded(t *testing.T) {
	t.Parallel()
	var p Parts
	part := Part{Omitted: 1, ResultSet: weir.ResultSet{Results: []weir.Result{{Output: strings.Repeat("x", maxPart/2)}}}}
	key := func(i int) PartKey { return PartKey{Set: weir.Digest(strconv.Itoa(i)), Limit: i} }
	for i := range 40 {
		p.Put(key(i), part)
		p.Put(key(i), part)
		if got, ok := p.Get(key(i)); !ok || got.Omitted != 1 || p.held > partBytes || len(p.parts) != len(p.order) {
			t.Fatalf("after part %d: %v, %d bytes, %d of %d parts", i, ok, p.held, len(p.parts), len(p.order))
		}
	}
	if _, ok := p.Get(key(0)); ok {
		t.Error("the oldest part is still there")
	}
	p.Put(key(99), Part{ResultSet: weir.ResultSet{Results: slices.Repeat(part.Results, 3)}})
	if _, ok := p.Get(key(99)); ok {
		t.Error("a part that is too large is kept")
	}
}
