package session

import (
	"net/netip"
	"sync"
	"time"
)

// How often somebody may fail to sign in. Codes are too long to be guessed; this is
// so that nobody keeps the database busy with trying.
const (
	PerAddress  = 10 // from one address, in AddressTime
	AddressTime = 10 * time.Minute
	InAll       = 200 // from all addresses, in AllTime
	AllTime     = time.Minute
	// maxAddresses is how many are remembered. More than that can fail only as long
	// as all together may.
	maxAddresses = 4096
)

// Limiter counts attempts to sign in that failed. The zero value is ready for use.
type Limiter struct {
	mu  sync.Mutex
	all window
	by  map[netip.Prefix]*window
}

// window is how many there were since its beginning.
type window struct {
	since time.Time
	count int
}

// left is for how long nothing more is allowed; 0: it is.
func (w *window) left(now time.Time, limit int, length time.Duration) time.Duration {
	if w == nil || w.over(now, length) || w.count < limit {
		return 0
	}
	return w.since.Add(length).Sub(now)
}

func (w *window) over(now time.Time, length time.Duration) bool {
	passed := now.Sub(w.since)
	return passed < 0 || passed >= length
}

func (w *window) add(now time.Time, length time.Duration) {
	if w.over(now, length) {
		*w = window{since: now}
	}
	w.count++
}

// household is what counts as one address: of IPv6, a network as one customer has it.
func household(from string) netip.Prefix {
	addr, err := netip.ParseAddr(from)
	if err != nil {
		return netip.Prefix{}
	}
	addr = addr.Unmap().WithZone("")
	bits := 32
	if addr.Is6() {
		bits = 64
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// Wait is how long an address has to wait before its next attempt; 0: not at all.
func (l *Limiter) Wait(from string, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return max(l.all.left(now, InAll, AllTime), l.by[household(from)].left(now, PerAddress, AddressTime))
}

// Failed counts an attempt of an address that failed.
func (l *Limiter) Failed(from string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all.add(now, AllTime)
	if l.by == nil {
		l.by = map[netip.Prefix]*window{}
	}
	h := household(from)
	w := l.by[h]
	if w == nil {
		if len(l.by) >= maxAddresses {
			l.forget(now)
		}
		if len(l.by) >= maxAddresses {
			return
		}
		w = &window{}
		l.by[h] = w
	}
	w.add(now, AddressTime)
}

// forget drops the addresses whose time is over.
func (l *Limiter) forget(now time.Time) {
	for h, w := range l.by {
		if w.over(now, AddressTime) {
			delete(l.by, h)
		}
	}
}
