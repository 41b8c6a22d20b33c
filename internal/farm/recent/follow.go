package recent

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// news is what events since a state are about.
type news struct {
	seq    int64
	builds []weir.BuildID // that changed or came, sorted
	config bool           // names may have changed
}

// follow makes of a state the one of now. It returns nil if everything must be
// read: there is none yet, or too much has happened since.
func (w *Window) follow(ctx context.Context, old *State) (*State, error) {
	now := w.now()
	if old == nil || now.Sub(old.read) > stale || now.Before(old.read) {
		return nil, nil
	}
	n, ok, err := w.news(ctx, old.Seq)
	if err != nil || !ok {
		return nil, err
	}
	s := &State{Seq: n.seq, Rows: old.Rows, per: old.per, read: now}
	if len(n.builds) == 0 && !n.config {
		return s, nil
	}
	builds, err := w.named(ctx, n.builds)
	if err != nil {
		return nil, err
	}
	// A builder comes with its first build, and may get another name with its project.
	unknown := slices.ContainsFunc(builds, func(b store.BoardBuild) bool { _, ok := old.find(b.Builder); return !ok })
	s.Rows = slices.Clone(old.Rows)
	if unknown || n.config {
		builders, err := w.builders(ctx)
		if err != nil {
			return nil, err
		}
		if !s.rename(builders) {
			return nil, nil
		}
	}
	return s, w.apply(ctx, s, n.builds, builds)
}

// news reads the events behind the one with the given number. Builds are told of
// in the transaction that changes them, and events become visible in their order:
// so a build with a lower id than others may come later, but not unheard.
func (w *Window) news(ctx context.Context, after int64) (n news, ok bool, err error) {
	n.seq = after
	named := map[weir.BuildID]bool{}
	for read := 0; ; {
		events, err := w.store.EventsAfter(ctx, n.seq, eventsPage)
		if err != nil {
			return n, false, err
		}
		for _, e := range events {
			n.seq = e.Seq
			switch e.Kind {
			case weir.EventBuild:
				if id, err := strconv.ParseInt(e.Subject, 10, 64); err == nil && id > 0 {
					named[weir.BuildID(id)] = true
				}
			case weir.EventConfig:
				n.config = true
			}
		}
		if read += len(events); read > maxEvents || len(named) > maxNamed {
			return n, false, nil
		}
		if len(events) < eventsPage {
			n.builds = slices.Sorted(maps.Keys(named))
			return n, true, nil
		}
	}
}

// named finds builds by their ids.
func (w *Window) named(ctx context.Context, ids []weir.BuildID) ([]store.BoardBuild, error) {
	var all []store.BoardBuild
	for page := range slices.Chunk(ids, namedPage) {
		builds, err := w.store.BoardBuilds(ctx, page)
		if err != nil {
			return nil, err
		}
		all = append(all, builds...)
	}
	return all, nil
}

// rename takes the builders as they are called now, and adds new ones. It reports
// false if one is called otherwise than before: then the pins of its builds may
// be too.
func (s *State) rename(builders []weir.Builder) bool {
	known := s.Rows
	s.Rows = make([]Row, len(builders))
	for i, b := range builders {
		s.Rows[i].Builder = b
	}
	for _, r := range known {
		i, ok := s.find(r.Builder.ID)
		if !ok || s.Rows[i].Builder != r.Builder {
			return false
		}
		s.Rows[i].Builds = r.Builds
	}
	return true
}

// apply puts builds as they are now in the place of what the rows say of them. Of
// the ids those that are not among the builds are gone.
func (w *Window) apply(ctx context.Context, s *State, ids []weir.BuildID, builds []store.BoardBuild) error {
	slices.SortFunc(builds, newestFirst)
	slices.Reverse(builds)
	found := func(id weir.BuildID) bool {
		_, ok := slices.BinarySearchFunc(builds, id, func(b store.BoardBuild, id weir.BuildID) int { return cmp.Compare(b.ID, id) })
		return ok
	}
	if len(builds) < len(ids) {
		if err := w.withdraw(ctx, s, slices.DeleteFunc(slices.Clone(ids), found)); err != nil {
			return err
		}
	}
	of := map[int][]store.BoardBuild{} // by row
	for _, b := range builds {
		if i, ok := s.find(b.Builder); ok {
			of[i] = append(of[i], b)
		}
	}
	for i, list := range of {
		s.Rows[i].Builds = merge(s.Rows[i].Builds, list, s.per)
	}
	return nil
}

// merge puts builds into a list, newest first, which is not changed.
func merge(old, builds []store.BoardBuild, per int) []store.BoardBuild {
	list := make([]store.BoardBuild, 0, len(old)+len(builds))
	list = append(list, old...)
	for _, b := range builds {
		i, ok := slices.BinarySearchFunc(list, b, newestFirst)
		if ok {
			list[i] = b
		} else {
			list = slices.Insert(list, i, b)
		}
	}
	n := min(len(list), per)
	return list[:n:n]
}

func newestFirst(a, b store.BoardBuild) int { return cmp.Compare(b.ID, a.ID) }

// withdraw takes builds out that are gone, and reads what takes their places.
func (w *Window) withdraw(ctx context.Context, s *State, gone []weir.BuildID) error {
	var again []weir.BuilderID
	for _, r := range s.Rows {
		if slices.ContainsFunc(r.Builds, func(b store.BoardBuild) bool { _, ok := slices.BinarySearch(gone, b.ID); return ok }) {
			again = append(again, r.Builder.ID)
		}
	}
	if len(again) == 0 {
		return nil
	}
	builds, err := w.store.Lately(ctx, again, s.per)
	if err != nil {
		return err
	}
	for _, id := range again {
		if i, ok := s.find(id); ok {
			s.Rows[i].Builds = nil
		}
	}
	s.share(builds)
	return nil
}
