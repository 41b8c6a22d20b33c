package presence

import "sync"

// maxDisks limits how many workers are remembered.
const maxDisks = 20_000

// Disks knows how much room workers said they have. Only this server knows, and
// only since it started.
type Disks struct {
	mu   sync.Mutex
	free map[string]int64
}

// Note keeps how many bytes a worker has free; 0: it did not say.
func (d *Disks) Note(worker string, free int64) {
	if free <= 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.free == nil || len(d.free) >= maxDisks {
		d.free = map[string]int64{}
	}
	d.free[worker] = free
}

// Of is how many bytes a worker has free, if it said so.
func (d *Disks) Of(worker string) (free int64, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	free, known = d.free[worker]
	return free, known
}
