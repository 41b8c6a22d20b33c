package sqlroster

import (
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// maxKnown is how many builders are remembered.
const maxKnown = 10_000

// RenameGuard is the name of the guard under which builders get other names, and
// that counts how often they have.
const RenameGuard = "renames"

// Builders remembers builders. They hardly ever change once they are made, and each
// lease asks for those of up to 200 builds. They were there for good before
// the first of those was made, so none is remembered that came to nothing.
// When builders have got other names all are forgotten. The zero value is ready to use.
type Builders struct {
	mu       sync.Mutex
	names    int64 // how often they had got others
	builders map[weir.BuilderID]weir.Builder
}

// get finds the builders of a list of ids; the ids of those that it does not
// know are missing.
func (k *Builders) get(names int64, ids []weir.BuilderID) (found map[weir.BuilderID]weir.Builder, missing []weir.BuilderID) {
	found = make(map[weir.BuilderID]weir.Builder, 8)
	k.mu.Lock()
	defer k.mu.Unlock()
	if names > k.names {
		k.names, k.builders = names, nil
	}
	for _, id := range ids {
		if _, ok := found[id]; ok {
			continue
		}
		b, ok := k.builders[id]
		if !ok || names < k.names {
			missing = append(missing, id)
		}
		found[id] = b
	}
	return found, missing
}

func (k *Builders) put(names int64, builders []weir.Builder) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if names != k.names { // they may have other names by now
		return
	}
	if k.builders == nil || len(k.builders)+len(builders) > maxKnown {
		k.builders = map[weir.BuilderID]weir.Builder{}
	}
	for _, b := range builders {
		k.builders[b.ID] = b
	}
}

// Of finds builders by id, when they have got other names so many times.
func (k *Builders) Of(c sqltx.Conn, names int64, ids []weir.BuilderID) (map[weir.BuilderID]weir.Builder, error) {
	found, missing := k.get(names, ids)
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
	k.put(names, read)
	return found, nil
}

// BuilderDest lists where the columns of a builder go: id, project, job, cell,
// platform, branch, upstreams.
func BuilderDest(b *weir.Builder) []any {
	return []any{&b.ID, &b.Project, &b.Job, &b.Cell, &b.Platform, &b.Branch, &b.Upstreams}
}
