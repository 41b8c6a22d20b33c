package sqlroster

import (
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// maxKnown is how many builders are remembered.
const maxKnown = 10_000

// Builders remembers builders. They never change once they are made, and each
// lease asks for those of up to 200 builds. They were there for good before
// the first of those was made, so none is remembered that came to nothing.
// The zero value is ready to use.
type Builders struct {
	mu       sync.Mutex
	builders map[weir.BuilderID]weir.Builder
}

// get finds the builders of a list of ids; the ids of those that it does not
// know are missing.
func (k *Builders) get(ids []weir.BuilderID) (found map[weir.BuilderID]weir.Builder, missing []weir.BuilderID) {
	found = make(map[weir.BuilderID]weir.Builder, 8)
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, id := range ids {
		if _, ok := found[id]; ok {
			continue
		}
		b, ok := k.builders[id]
		if !ok {
			missing = append(missing, id)
		}
		found[id] = b
	}
	return found, missing
}

func (k *Builders) put(builders []weir.Builder) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.builders == nil || len(k.builders)+len(builders) > maxKnown {
		k.builders = map[weir.BuilderID]weir.Builder{}
	}
	for _, b := range builders {
		k.builders[b.ID] = b
	}
}

// Of finds builders by id.
func (k *Builders) Of(c sqltx.Conn, ids []weir.BuilderID) (map[weir.BuilderID]weir.Builder, error) {
	found, missing := k.get(ids)
	if len(missing) == 0 {
		return found, nil
	}
	read, err := sqltx.Collect(c, func(r sqltx.Scanner) (b weir.Builder, err error) {
		err = r.Scan(BuilderDest(&b)...)
		return b, err
	}, `SELECT b.id, b.project, b.job, b.cell, b.platform, b.branch, b.upstreams FROM builders b WHERE b.id IN `+c.In(1), sqltx.IDs(missing))
	if err != nil {
		return nil, err
	}
	for _, b := range read {
		found[b.ID] = b
	}
	k.put(read)
	return found, nil
}

// BuilderDest lists where the columns of a builder go: id, project, job, cell,
// platform, branch, upstreams.
func BuilderDest(b *weir.Builder) []any {
	return []any{&b.ID, &b.Project, &b.Job, &b.Cell, &b.Platform, &b.Branch, &b.Upstreams}
}
