package logbook

import "sync"

// recent keeps what was put in lately, up to a weight. The zero value is empty.
type recent[K comparable, V any] struct {
	mu     sync.Mutex
	values map[K]weighed[V]
	order  []K // oldest first
	weight int
}

type weighed[V any] struct {
	value  V
	weight int
}

func (c *recent[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.values[key]
	return v.value, ok
}

// put keeps a value, in place of what the key had, and of the oldest ones if all together would weigh
// more than most. One that is heavy by itself is not kept.
func (c *recent[K, V]) put(key K, value V, weight, most int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if weight > most/4 {
		return
	}
	if c.values == nil {
		c.values = map[K]weighed[V]{}
	}
	old, known := c.values[key]
	c.values[key] = weighed[V]{value, weight}
	if !known {
		c.order = append(c.order, key)
	}
	for c.weight += weight - old.weight; c.weight > most; c.order = c.order[1:] {
		c.weight -= c.values[c.order[0]].weight
		delete(c.values, c.order[0])
	}
}
