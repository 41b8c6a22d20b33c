package farm

import (
	"context"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

const (
	// tokenTime is for how long a token that was found is believed: so long
	// may one that was revoked still work, on each server by itself.
	tokenTime = time.Second
	// keptTokens is how many are remembered.
	keptTokens = 4096
)

// tokenCache remembers tokens that were found a moment ago: a worker that is
// busy sends its own with hundreds of requests in a second. The zero value is empty.
type tokenCache struct {
	mu    sync.Mutex
	found map[string]foundToken // by hash
}

type foundToken struct {
	token store.Token
	at    time.Time
}

func (c *tokenCache) get(hash string) (store.Token, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found, ok := c.found[hash]
	return found.token, ok && time.Since(found.at) < tokenTime
}

// put remembers a token that was asked for at a time. Only such as exist are
// put, so nobody can fill it with guesses.
func (c *tokenCache) put(hash string, t store.Token, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.found == nil || len(c.found) >= keptTokens {
		c.found = map[string]foundToken{}
	}
	c.found[hash] = foundToken{t, at}
}

// drop forgets a token.
func (c *tokenCache) drop(hash string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.found, hash)
}

// token finds a token that works; NotFound if there is none.
func (f *Farm) token(ctx context.Context, secret string) (store.Token, error) {
	hash := HashToken(secret)
	t, ok := f.tokens.get(hash)
	if !ok {
		asked := time.Now()
		var err error
		if t, err = f.store.FindToken(ctx, hash); err != nil {
			return t, err
		}
		f.tokens.put(hash, t, asked)
	}
	if t.Expired(f.now()) {
		return store.Token{}, weir.Errorf(weir.NotFound, "the token does not work any more since %s", t.Expires.Format("2006-01-02"))
	}
	return t, nil
}
