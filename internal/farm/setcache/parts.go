package setcache

import (
	"sync"

	"github.com/weir-ci/weir"
)

const (
	// partBytes is about how much memory all parts take together.
	partBytes = 16 << 20
	// maxPart is how much one of them may take.
	maxPart = partBytes / 4
)

// PartKey says which part of a set is meant: the bad results or all, at most
// so many.
type PartKey struct {
	Set   weir.Digest
	All   bool
	Limit int
}

// Part is what a page shows of a set.
type Part struct {
	weir.ResultSet
	Omitted int // results that are over the limit
}

// Parts keeps parts of sets. The zero value is empty; it is safe for concurrent
// use. What is in it must not be changed.
type Parts struct {
	mu    sync.Mutex
	parts map[PartKey]Part
	order []PartKey // oldest first
	held  int       // bytes
}

// Get finds a part.
func (p *Parts) Get(k PartKey) (Part, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	part, ok := p.parts[k]
	return part, ok
}

// Put keeps a part, in place of the oldest ones. One that is large is not kept.
func (p *Parts) Put(k PartKey, part Part) {
	size := sizeOf(part.ResultSet)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.parts[k]; ok || size > maxPart {
		return
	}
	if p.parts == nil {
		p.parts = map[PartKey]Part{}
	}
	p.parts[k] = part
	p.order = append(p.order, k)
	for p.held += size; p.held > partBytes; p.order = p.order[1:] {
		p.held -= sizeOf(p.parts[p.order[0]].ResultSet)
		delete(p.parts, p.order[0])
	}
}
