package access

import (
	"sync"
	"time"

	"github.com/weir-ci/weir/internal/store"
)

const (
	// believed is for how long a token that was found is believed: so long may one
	// that was revoked still work, on each server by itself.
	believed = time.Second
	// keptTokens is how many are remembered.
	keptTokens = 4096
)

// cache remembers tokens that were found a moment ago: a worker that is busy sends
// its own with hundreds of requests in a second. The zero value is empty.
type cache struct {
	mu    sync.Mutex
	found map[string]foundToken // by hash
}

type foundToken struct {
	token store.Token
	at    time.Time
}

func (c *cache) get(hash string) (store.Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.found[hash]
	return found.token, ok && time.Since(found.at) < believed
}

// put remembers a token that was asked for at a time. Only such as exist are
// put, so nobody can fill it with guesses.
func (c *cache) put(hash string, t store.Token, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil || len(c.found) >= keptTokens {
		c.found = map[string]foundToken{}
	}
	c.found[hash] = foundToken{t, at}
}

// drop forgets the token of a name.
func (c *cache) drop(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for hash, found := range c.found {
		if found.token.Name == name {
			delete(c.found, hash)
		}
	}
}
