// Package setcache keeps the sets of test results that were read lately, in
// bounded memory: the judgement of a build, its retry and a search read the same
// few again and again. Of sets that people look at it keeps the part that a page
// shows, because a page is asked for each time that something happens, and to
// read a million results for the few that are bad takes a while.
package setcache

import (
	"context"
	"sync"
	"time"

	"github.com/weir-ci/weir"
)

const (
	// cachedBytes is about how much memory the sets in the cache take together:
	// enough for some of 100,000 tests. One of a million is read anew each time,
	// which takes less than a second, and more memory than a server should hold on to.
	cachedBytes = 64 << 20
	// Time is for how long a set that nobody asks for is kept.
	Time = time.Minute
)

// Cache keeps sets by their digest. The zero value is empty; it is safe for
// concurrent use. Sets in it must not be changed.
type Cache struct {
	mu   sync.Mutex
	sets map[weir.Digest]*cachedSet
	held int // bytes
}

type cachedSet struct {
	set  weir.ResultSet
	size int
	used time.Time
}

// Get finds a set.
func (c *Cache) Get(d weir.Digest) (weir.ResultSet, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sets[d]
	if s == nil {
		return weir.ResultSet{}, false
	}
	s.used = time.Now()
	return s.set, true
}

// Put keeps a set, in place of those that were not used for the longest time.
func (c *Cache) Put(d weir.Digest, set weir.ResultSet) {
	size := sizeOf(set)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sets[d] != nil || size > cachedBytes {
		return
	}
	for c.held+size > cachedBytes {
		oldest := weir.Digest("")
		for d, s := range c.sets {
			if oldest == "" || s.used.Before(c.sets[oldest].used) {
				oldest = d
			}
		}
		c.drop(oldest)
	}
	if c.sets == nil {
		c.sets = map[weir.Digest]*cachedSet{}
	}
	c.sets[d] = &cachedSet{set, size, time.Now()}
	c.held += size
}

func (c *Cache) drop(d weir.Digest) {
	c.held -= c.sets[d].size
	delete(c.sets, d)
}

// Forget drops the sets that nobody has used for Time. It has no errors.
func (c *Cache) Forget(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for d, s := range c.sets {
		if time.Since(s.used) > Time {
			c.drop(d)
		}
	}
	return nil
}

// Bytes that a set, a result and an incident take without their texts.
const (
	setSize      = 1 << 10 // so that there are not too many small ones
	resultSize   = 160
	incidentSize = 128
)

// sizeOf is about how much memory a set takes.
func sizeOf(set weir.ResultSet) int {
	n := setSize
	for i := range set.Results {
		r := &set.Results[i]
		n += resultSize + len(r.Test.Name) + len(r.Raw) + len(r.Message) + len(r.Output)
		if i == 0 || r.Test.Suite != set.Results[i-1].Test.Suite {
			n += len(r.Test.Suite)
		}
	}
	for _, i := range set.Incidents {
		n += incidentSize + len(i.Suite) + len(i.Test) + len(i.Message)
	}
	return n
}
