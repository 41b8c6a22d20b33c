package farm

import (
	"sync"

	"github.com/weir-ci/weir"
)

// cachedResults bounds how many test results the cache holds together.
const cachedResults = 200_000

// resultCache keeps the result sets that were read lately: a judgement, its
// retry and a search read the same few again and again. The zero value is empty.
type resultCache struct {
	mu    sync.Mutex
	sets  map[weir.Digest]weir.ResultSet
	order []weir.Digest // oldest first
	held  int
}

func (c *resultCache) get(d weir.Digest) (weir.ResultSet, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	set, ok := c.sets[d]
	return set, ok
}

func (c *resultCache) put(d weir.Digest, set weir.ResultSet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.sets[d]; ok || len(set.Results) > cachedResults/4 {
		return
	}
	if c.sets == nil {
		c.sets = map[weir.Digest]weir.ResultSet{}
	}
	c.sets[d] = set
	c.order = append(c.order, d)
	c.held += len(set.Results) + 1
	for c.held > cachedResults {
		oldest := c.order[0]
		c.held -= len(c.sets[oldest].Results) + 1
		delete(c.sets, oldest)
		c.order = c.order[1:]
	}
}
